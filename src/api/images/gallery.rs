//! Fetches the pictures of an answer, while their links live.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::api::error::GatewayError;
use crate::api::exchange::Exchange;
use crate::bridge::pictures::Shape;
use crate::media::{Format, Found, Kind, MediaError};

/// Pictures of one answer that are fetched at once (ours).
const AT_ONCE: usize = 4;

/// What is had of a picture.
pub(super) struct Picture {
    /// Where it is.
    pub(super) link: String,
    /// What it is, once it was seen.
    pub(super) format: Option<Format>,
    /// Its bytes, where they are asked for.
    pub(super) content: Content,
}

/// The bytes of a picture.
pub(super) enum Content {
    /// Nobody asked for them.
    None,
    /// They are kept.
    Kept(Found),
    /// They could not be kept.
    Held(Bytes),
}

impl Picture {
    /// Whether its link is the upstream's own and dies with it.
    pub(super) fn is_upstreams(&self) -> bool {
        matches!(self.content, Content::None) && self.format.is_none()
    }

    fn upstreams(link: &str) -> Self {
        Self { link: link.to_owned(), format: None, content: Content::None }
    }
}

/// Whoever fetches the pictures of a request.
pub(super) struct Gallery<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) shape: Shape,
}

impl Gallery<'_> {
    /// Every picture, in order.
    ///
    /// # Errors
    /// Why the first of them that cannot be had cannot be.
    pub(super) async fn fetch(&self, links: &[String]) -> Result<Vec<Picture>, GatewayError> {
        let fetched: Vec<_> = links.iter().map(|link| self.one(link)).collect();
        stream::iter(fetched).buffered(AT_ONCE).try_collect().await
    }

    async fn one(&self, link: &str) -> Result<Picture, GatewayError> {
        let media = &self.exchange.snapshot.media;
        if media.is_off() {
            return self.unkept(link).await;
        }
        let owner = &self.exchange.tenant.name;
        let kept = match media.keep(link, Kind::Picture, owner).await {
            Ok(kept) => kept,
            // The upstream's own link is better than nothing, and said to be that.
            Err(error) if error.leaves_the_link() && self.shape == Shape::Link => return Ok(Picture::upstreams(link)),
            Err(MediaError::Disk(_)) => return self.unkept(link).await,
            Err(error) => return Err(error.into()),
        };
        let content = match self.shape {
            Shape::Link => Content::None,
            Shape::Base64 => Content::Kept(media.own(&kept, owner).await.ok_or(MediaError::Broken)?),
        };
        Ok(Picture { link: self.exchange.media_link(&kept), format: Some(kept.format), content })
    }

    /// One that is not kept: its own link is passed on, or its bytes are held until they are sent.
    async fn unkept(&self, link: &str) -> Result<Picture, GatewayError> {
        if self.shape == Shape::Link {
            return Ok(Picture::upstreams(link));
        }
        let (bytes, format) = self.exchange.snapshot.media.fetch(link, Kind::Picture).await?;
        Ok(Picture { link: link.to_owned(), format: Some(format), content: Content::Held(bytes) })
    }
}
