//! Files from and to a server, in pieces of which several are under way at a time, so that the way there and back costs
//! little.

use futures_util::future::try_join_all;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::session::{AT_ONCE, Session, small};
use super::trouble::Trouble;

/// Piece in which files are read and written, in bytes: every server takes it.
const PIECE_BYTES: u32 = 32 * 1024;

impl Session {
    /// Writes the file at `path` into `into`, up to one byte more than `size`: how many bytes it has.
    pub(super) async fn download(&self, path: &str, size: u64, into: &mut File) -> Result<u64, Trouble> {
        let file = self.open(path, OpenFlags::READ).await?;
        let read = self.read_all(&file.handle, size, into).await;
        file.close(read).await
    }

    async fn read_all(&self, handle: &str, size: u64, into: &mut File) -> Result<u64, Trouble> {
        let end = size + 1;
        let mut at = 0;
        while at < end {
            let starts = (at..end).step_by(PIECE_BYTES as usize).take(AT_ONCE);
            let asked =
                starts.map(|start| self.read_piece(handle, start, PIECE_BYTES.min(small(end - start))));
            for (piece, is_at_end) in try_join_all(asked).await? {
                into.write_all(&piece).await?;
                at += piece.len() as u64;
                if is_at_end {
                    into.flush().await?;
                    return Ok(at);
                }
            }
        }
        into.flush().await?;
        Ok(at)
    }

    /// `length` bytes from `start`, or fewer where the file ends before; the server may give them in several answers.
    async fn read_piece(&self, handle: &str, start: u64, length: u32) -> Result<(Vec<u8>, bool), Trouble> {
        let mut piece = Vec::with_capacity(length as usize);
        while piece.len() < length as usize {
            let left = length - small(piece.len() as u64);
            match self.ask(self.raw.read(handle, start + piece.len() as u64, left)).await {
                Ok(answer) if answer.data.is_empty() || answer.data.len() > left as usize => {
                    return Err(Trouble::Lost("an answer of a wrong length".to_owned()));
                }
                Ok(answer) => piece.extend(answer.data),
                Err(Trouble::Refused(StatusCode::Eof)) => return Ok((piece, true)),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok((piece, false))
    }

    /// Writes all of `from`, which stands at its start, into the file at `path`, made or emptied first, and syncs it where
    /// the server can: how many bytes it has.
    pub(super) async fn upload(&self, path: &str, from: &mut File) -> Result<u64, Trouble> {
        let file = self.open(path, OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE).await?;
        let written = self.write_all(&file.handle, from).await;
        file.close(written).await
    }

    async fn write_all(&self, handle: &str, from: &mut File) -> Result<u64, Trouble> {
        let mut at = 0;
        loop {
            let mut pieces = Vec::new();
            while pieces.len() < AT_ONCE {
                let mut piece = Vec::new();
                (&mut *from).take(PIECE_BYTES.into()).read_to_end(&mut piece).await?;
                if piece.is_empty() {
                    break;
                }
                let length = piece.len() as u64;
                pieces.push(self.ask(self.raw.write(handle, at, piece)));
                at += length;
            }
            if pieces.is_empty() {
                break;
            }
            try_join_all(pieces).await?;
        }
        if self.fsync {
            self.ask(self.raw.fsync(handle)).await?;
        }
        Ok(at)
    }
}
