//! Signs of life.

use async_trait::async_trait;
use jiff::SignedDuration;
use registration::ports::{Sign, Signs, StoreResult};

use crate::convert::micros;
use crate::error::store_error;
use crate::{PATIENCE, PostgresStore, within};

#[async_trait]
impl Signs for PostgresStore {
    async fn set_sign(&self, name: &str) -> StoreResult<()> {
        within(PATIENCE, async {
            sqlx::query!(
                "insert into sign (name, set_at) values ($1, clock_timestamp())
                 on conflict (name) do update set set_at = clock_timestamp()",
                name
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }

    async fn claim_sign(&self, name: &str, pause: SignedDuration) -> StoreResult<bool> {
        within(PATIENCE, async {
            // Whoever waited for another's row asks again with the time that has passed meanwhile: now() would be the old one.
            let claimed = sqlx::query!(
                "insert into sign (name, set_at) values ($1, clock_timestamp())
                 on conflict (name) do update set set_at = clock_timestamp()
                 where sign.set_at <= clock_timestamp() - $2::bigint * interval '1 microsecond'
                    or sign.set_at > clock_timestamp()",
                name,
                micros(pause)
            );
            Ok(claimed.execute(&self.pool).await.map_err(store_error)?.rows_affected() == 1)
        })
        .await
    }

    async fn drop_sign(&self, name: &str) -> StoreResult<bool> {
        within(PATIENCE, async {
            let dropped = sqlx::query!("delete from sign where name = $1", name);
            Ok(dropped.execute(&self.pool).await.map_err(store_error)?.rows_affected() == 1)
        })
        .await
    }

    async fn signs(&self) -> StoreResult<Vec<Sign>> {
        within(PATIENCE, async {
            let rows = sqlx::query!(
                r#"select name, (extract(epoch from clock_timestamp() - set_at) * 1000000)::bigint as "age!"
                   from sign order by name"#
            );
            let rows = rows.fetch_all(&self.pool).await.map_err(store_error)?;
            let sign = |name, age: i64| Sign { name, age: SignedDuration::from_micros(age.max(0)) };
            Ok(rows.into_iter().map(|row| sign(row.name, row.age)).collect())
        })
        .await
    }
}
