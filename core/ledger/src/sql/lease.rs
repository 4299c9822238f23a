//! Leases, by the database's own clock.

use super::{Conn, FromRow, Result, Row, counted};
use crate::lease::{Acquired, Fence, LEASE_TIME, Lease};

fn lease_micros() -> i64 {
    i64::try_from(LEASE_TIME.as_micros()).unwrap_or(i64::MAX)
}

impl FromRow for Lease {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            fence: Fence { name: row.get("name")?, epoch: row.count("epoch")? },
            owner: row.get("owner")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Takes the lease unless another owner's is in force; every taking has an epoch of its own.
pub(crate) async fn acquire(conn: &mut Conn, name: &str, owner: &str) -> Result<Option<Acquired>> {
    let before: Option<(String,)> =
        conn.query("SELECT owner FROM lease WHERE name = $1").bind(name).optional().await?;
    let lease = conn
        .query_said(
            "INSERT INTO lease (name, owner, epoch, expires_at) VALUES ($1, $2, 1, {now} + $3)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = lease.epoch + 1,
             expires_at = excluded.expires_at
         WHERE lease.owner = excluded.owner OR lease.expires_at <= {now}
         RETURNING name, owner, epoch, expires_at",
        )
        .bind(name)
        .bind(owner)
        .bind(lease_micros())
        .optional()
        .await?;
    let given_back = before.is_none_or(|(owner,)| owner.is_empty());
    Ok(lease.map(|lease| Acquired { lease, given_back }))
}

/// Prolongs those of `fences` that nobody took meanwhile.
pub(crate) async fn renew(conn: &mut Conn, fences: &[Fence]) -> Result<Vec<Lease>> {
    let mut renewed = Vec::with_capacity(fences.len());
    let mut sorted: Vec<&Fence> = fences.iter().collect();
    // In one order everywhere, so that two hubs never wait for each other.
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    for fence in sorted {
        let lease = conn
            .query_said(
                "UPDATE lease SET expires_at = {now} + $3 WHERE name = $1 AND epoch = $2 AND owner <> ''
                 RETURNING name, owner, epoch, expires_at",
            )
            .bind(&fence.name)
            .bind(super::stored(fence.epoch))
            .bind(lease_micros())
            .optional()
            .await?;
        renewed.extend(lease);
    }
    Ok(renewed)
}

/// Gives the lease back; the epoch stays.
pub(crate) async fn release(conn: &mut Conn, fence: &Fence) -> Result<()> {
    conn.query("UPDATE lease SET owner = '', expires_at = 0 WHERE name = $1 AND epoch = $2")
        .bind(&fence.name)
        .bind(super::stored(fence.epoch))
        .execute()
        .await?;
    Ok(())
}

/// Whether nobody took the lease since; nobody can until this transaction ends.
pub(crate) async fn stands(conn: &mut Conn, fence: &Fence) -> Result<bool> {
    let row: Option<(i64,)> = conn
        .query_said("SELECT epoch FROM lease WHERE name = $1 AND owner <> '' {share}")
        .bind(&fence.name)
        .optional()
        .await?;
    Ok(row.is_some_and(|(epoch,)| counted(epoch) == fence.epoch))
}

/// The leases in force.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<Lease>> {
    conn.query_said(
        "SELECT name, owner, epoch, expires_at FROM lease WHERE owner <> '' AND expires_at > {now} ORDER BY name",
    )
    .all()
    .await
}
