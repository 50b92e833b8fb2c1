//! Signs of life.

use async_trait::async_trait;
use jiff::SignedDuration;
use registration::ports::{Sign, Signs, StoreResult};

use crate::SqliteStore;
use crate::convert::micros;
use crate::error::store_error;

#[async_trait]
impl Signs for SqliteStore {
    async fn set_sign(&self, name: &str) -> StoreResult<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "insert into sign (name, set_at) values (?, cast(unixepoch('subsec') * 1000000 as integer))
             on conflict (name) do update set set_at = excluded.set_at",
            name
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }

    async fn claim_sign(&self, name: &str, pause: SignedDuration) -> StoreResult<bool> {
        let pause = micros(pause);
        let mut tx = self.write().await?;
        let claimed = sqlx::query!(
            "insert into sign (name, set_at) values (?, cast(unixepoch('subsec') * 1000000 as integer))
             on conflict (name) do update set set_at = excluded.set_at
             where sign.set_at <= excluded.set_at - ? or sign.set_at > excluded.set_at",
            name,
            pause
        );
        let claimed = claimed.execute(&mut *tx).await.map_err(store_error)?.rows_affected() == 1;
        tx.commit().await.map_err(store_error)?;
        Ok(claimed)
    }

    async fn drop_sign(&self, name: &str) -> StoreResult<bool> {
        let mut tx = self.write().await?;
        let dropped = sqlx::query!("delete from sign where name = ?", name);
        let dropped = dropped.execute(&mut *tx).await.map_err(store_error)?.rows_affected() == 1;
        tx.commit().await.map_err(store_error)?;
        Ok(dropped)
    }

    async fn signs(&self) -> StoreResult<Vec<Sign>> {
        let rows = sqlx::query!(
            r#"select name as "name!", cast(unixepoch('subsec') * 1000000 as integer) - set_at as "age!: i64"
               from sign order by name"#
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        let sign = |name, age: i64| Sign { name, age: SignedDuration::from_micros(age.max(0)) };
        Ok(rows.into_iter().map(|row| sign(row.name, row.age)).collect())
    }
}
