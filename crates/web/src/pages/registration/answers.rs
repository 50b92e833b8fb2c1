//! Stored answers, in words, by the form version they were given to.

use std::sync::Arc;

use presentation::answers::{Section, sections};
use presentation::words::Words;
use registration::answers::Answers;
use registration::form::Form;
use registration::ports::{StoreError, StoreResult};
use registration::stored::Record;

use crate::events::Entry;
use crate::state::Web;

/// The form version of a registration and its answers in words.
pub(crate) async fn read(
    web: &Web,
    entry: &Entry,
    record: &Record,
    words: &'static Words,
) -> StoreResult<(Arc<Form>, Vec<Section>)> {
    let form = web.inner.catalogue.form(web.inner.desk.store.as_ref(), entry, record.form_version).await?;
    let form = form.ok_or_else(|| StoreError::Corrupt("the form version of a registration is missing".to_owned()))?;
    let answers = Answers::from_json(&form, &record.answers);
    let sections = sections(&form, &answers, words);
    Ok((form, sections))
}
