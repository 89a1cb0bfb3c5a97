//! Values in postcard's format, put behind what a buffer holds already.
//!
//! The crate reads them, and says what the format is (<https://postcard.jamesmunns.com/wire-format>). It writes each byte through
//! an output that may fail, and what is written for a request has eighty fields; ARCHITECTURE.md says what that cost.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value that the format has no form for: a list or a map that does not know its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not know how long it is")]
pub struct Unwritable;

impl Error for Unwritable {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Appends `value` to `out`.
///
/// # Errors
/// [`Unwritable`]; a part of it may have been appended then. No value of the usual types, and nothing that is derived for
/// them, is.
#[inline]
pub fn put<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    value.serialize(&mut Onto(out))
}

/// What does not go into eight bytes of seven bits.
const LARGE: u64 = 1 << 56;

/// Where a value goes.
struct Onto<'a>(&'a mut Vec<u8>);

impl Onto<'_> {
    /// Seven bits in each byte, the lowest first; all but the last have the eighth bit.
    #[inline]
    fn varint(&mut self, number: u64) {
        match number {
            0..0x80 => self.0.push(number as u8),
            _ => self.long(number),
        }
    }

    /// A number of more than one byte.
    // One copy for all fields: there are eighty of them, and the code of each has to come from memory with each request.
    #[inline(never)]
    fn long(&mut self, mut number: u64) {
        if number < LARGE {
            return self.eight(number);
        }
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A number of at most eight bytes, in one go: moments are of that size, and each request has several.
    fn eight(&mut self, number: u64) {
        let length = (number.ilog2() as usize) / 7 + 1;
        let pairs = (number & 0x00FF_FFFF_F000_0000) << 4 | number & 0x0FFF_FFFF;
        let twos = (pairs & 0x0FFF_C000_0FFF_C000) << 2 | pairs & 0x0000_3FFF_0000_3FFF;
        let ones = (twos & 0x3F80_3F80_3F80_3F80) << 1 | twos & 0x007F_007F_007F_007F;
        let others = 0x0080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
        self.0.extend_from_slice(&(ones | others).to_le_bytes());
        self.0.truncate(self.0.len() - (8 - length));
    }

    /// So that small numbers are short, whatever their sign.
    #[inline]
    fn zigzag(&mut self, number: i64) {
        self.varint((number << 1 ^ number >> 63) as u64);
    }

    #[inline]
    fn length(&mut self, length: usize) {
        self.varint(length as u64);
    }
}

/// What is put without a thought: `method(value: type) => how`.
macro_rules! plain {
    ($($method:ident($value:ident: $kind:ty) $onto:ident => $put:expr;)*) => {
        $(
            #[inline]
            fn $method(self, $value: $kind) -> Result<(), Unwritable> {
                let $onto = self;
                $put;
                Ok(())
            }
        )*
    };
}

impl<'a, 'b> Serializer for &'b mut Onto<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    plain! {
        serialize_bool(value: bool) onto => onto.0.push(value.into());
        serialize_i8(value: i8) onto => onto.0.push(value.cast_unsigned());
        serialize_i16(value: i16) onto => onto.zigzag(value.into());
        serialize_i32(value: i32) onto => onto.zigzag(value.into());
        serialize_i64(value: i64) onto => onto.zigzag(value);
        serialize_u8(value: u8) onto => onto.0.push(value);
        serialize_u16(value: u16) onto => onto.varint(value.into());
        serialize_u32(value: u32) onto => onto.varint(value.into());
        serialize_u64(value: u64) onto => onto.varint(value);
        serialize_f32(value: f32) onto => onto.0.extend_from_slice(&value.to_le_bytes());
        serialize_f64(value: f64) onto => onto.0.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unwritable> {
        self.length(value.len());
        self.0.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.0.push(1);
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Unwritable> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_u32(index)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.varint(index.into());
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.length(length.ok_or(Unwritable)?);
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.varint(index.into());
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.serialize_seq(length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.varint(index.into());
        Ok(self)
    }
}

/// What is made of parts is its parts one after the other: `trait: method(names)`.
macro_rules! parts {
    ($($kind:ident: $($method:ident($($name:ident: $of:ty),*)),+;)*) => {
        $(
            impl $kind for &mut Onto<'_> {
                type Ok = ();
                type Error = Unwritable;

                $(
                    #[inline]
                    fn $method<T: Serialize + ?Sized>(&mut self, $($name: $of,)* value: &T) -> Result<(), Unwritable> {
                        value.serialize(&mut **self)
                    }
                )+

                #[inline]
                fn end(self) -> Result<(), Unwritable> {
                    Ok(())
                }
            }
        )*
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(_name: &'static str);
    SerializeStructVariant: serialize_field(_name: &'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    /// Every form that the format has.
    #[derive(Debug, Serialize)]
    enum Form {
        Unit,
        Newtype(u64),
        Tuple(i64, bool),
        Struct { text: String, bytes: Bytes },
    }

    /// Bytes, not a list of numbers.
    #[derive(Debug)]
    struct Bytes(String);

    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0.as_bytes())
        }
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_crate(
            (a, b, c, d, e) in any::<(u64, i64, u16, i16, u8)>(),
            (f, g, h, i, j) in any::<(f64, f32, i8, u32, i32)>(),
            (text, letter, is_so) in any::<(String, char, bool)>(),
            (maybe, list) in any::<(Option<u64>, Vec<u32>)>(),
            map in any::<BTreeMap<u8, String>>(),
        ) {
            let forms = [
                Form::Unit,
                Form::Newtype(a),
                Form::Tuple(b, is_so),
                Form::Struct { text: text.clone(), bytes: Bytes(text.clone()) },
            ];
            let value = ((a, b, c, d, e), (f, g, h, i, j), (text, letter, is_so), (maybe, list, map), forms, ());
            let mut out = b"before".to_vec();
            put(&value, &mut out).unwrap();
            prop_assert_eq!(&out[6..], postcard::to_stdvec(&value).unwrap());
        }
    }

    #[test]
    fn numbers_of_each_length_are_those_of_the_crate() {
        for bit in 0..64 {
            for number in [1u64 << bit, (1 << bit) - 1, (1 << bit) | 0x55, u64::MAX >> bit] {
                let mut out = Vec::new();
                put(&number, &mut out).unwrap();
                assert_eq!(out, postcard::to_stdvec(&number).unwrap(), "{number:#x}");
            }
        }
    }

    #[test]
    fn a_list_without_a_length_is_told() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_seq(None)?.end()
            }
        }
        assert_eq!(put(&Endless, &mut Vec::new()), Err(Unwritable));
    }
}
