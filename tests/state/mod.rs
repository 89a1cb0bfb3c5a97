//! The state folder through the door that its owners use: what was appended comes back, whatever happens to the
//! process, to the files and to the disk.

mod cuts;
mod damage;
mod folder;
mod full;
mod journal;
mod kill;
mod random;
mod support;
