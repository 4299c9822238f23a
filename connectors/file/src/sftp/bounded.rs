//! What comes from a server, with a bound on each packet and an end that is told: the library would make room for whatever
//! length is announced, and lets requests wait whose answers can come no more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// Longest packet of a server, in bytes: what OpenSSH takes itself.
const PACKET_BYTES: u32 = 256 * 1024;

/// A stream of packets, each behind its length in four bytes.
pub(super) struct Bounded<S> {
    inner: S,
    /// What has come of a length, as its number so far and how many bytes of it.
    length: (u32, u32),
    /// Bytes of the packet that are still to come.
    left: u32,
    /// Gone when nothing comes any more.
    open: Option<watch::Sender<()>>,
}

impl<S> Bounded<S> {
    /// The stream, and what closes when nothing comes from it any more.
    pub(super) fn new(inner: S) -> (Self, watch::Receiver<()>) {
        let (open, end) = watch::channel(());
        (Self { inner, length: (0, 0), left: 0, open: Some(open) }, end)
    }

    /// Follows the packets through `bytes`.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let here = bytes.len().min(self.left as usize);
                self.left -= u32::try_from(here).unwrap_or(self.left);
                bytes = &bytes[here..];
                continue;
            }
            bytes = rest;
            self.length = (self.length.0 << 8 | u32::from(*first), self.length.1 + 1);
            if self.length.1 == 4 {
                self.left = std::mem::take(&mut self.length).0;
            }
            if self.left > PACKET_BYTES {
                return Err(io::Error::other("the server announces a packet that is too long"));
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.open.is_none() {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer));
        let read = read.and_then(|()| self.follow(&buffer.filled()[before..]));
        if read.is_err() {
            // Who reads takes nothing that comes with an error.
            buffer.set_filled(before);
        }
        if buffer.filled().len() == before {
            self.open = None;
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn through(bytes: &[u8]) -> io::Result<usize> {
        let (mut one, other) = tokio::io::duplex(7);
        let (mut bounded, mut end) = Bounded::new(other);
        let mut read = Vec::new();
        let writing = async {
            // Whoever reads may stop before the end.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut one, bytes).await;
            drop(one);
        };
        let (result, ()) = tokio::join!(bounded.read_to_end(&mut read), writing);
        assert!(end.changed().await.is_err(), "the end is told");
        assert_eq!(bounded.read(&mut [0]).await.expect("the end"), 0, "nothing comes after it");
        result
    }

    #[tokio::test]
    async fn packets_up_to_the_bound_come_through_and_a_longer_one_never_begins() {
        let packet = |length: u32| [&length.to_be_bytes()[..], &vec![7; length as usize]].concat();
        let good = [packet(1), packet(0), packet(300), packet(PACKET_BYTES), packet(5)].concat();
        assert_eq!(through(&good).await.expect("read"), good.len());
        for announced in [PACKET_BYTES + 1, u32::MAX] {
            assert!(through(&[packet(3), announced.to_be_bytes().to_vec()].concat()).await.is_err());
        }
    }
}
