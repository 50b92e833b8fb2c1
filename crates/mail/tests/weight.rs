//! However hostile the answers, no mail is larger than was known before.

use mail::compose::{Entry, MAX_WEIGHT, organizer, weight};
use mail::samples::Sample;
use registration::language::Language;
use registration::notification::Kind;
use registration::reference::Reference;
use registration::stored::{ListRow, Record, Status};
use serde_json::json;

/// What stands in a mail once, at most: 1 MB without what entries may take.
const REST: usize = 1_000_000 - MAX_WEIGHT;

fn filled(sample: &Sample, with: &str) -> Record {
    let cut = |max: usize| with.chars().cycle().take(max).collect::<String>();
    let mut record = sample.record.clone();
    for key in ["first_name", "last_name", "organization"] {
        record.answers[key] = json!(cut(200));
    }
    record.answers["comments"] = json!(cut(2000));
    let stem: String = cut(114).chars().filter(|c| !c.is_control()).collect();
    record.answers["attachment"]["name"] = json!(format!("{stem}.pdf"));
    record.columns.name = format!("{} {}", cut(200), cut(200));
    record.columns.organization = Some(cut(200));
    record.status = Status::Waiting;
    record
}

#[test]
fn the_sum_of_the_weights_bounds_the_mail() {
    let others: Vec<Reference> = (0..10).map(Reference::from_bits).collect();
    for with in [
        "<",
        "\"'&",
        "<\n",
        "a\n",
        "<<<<<<<<<<<<<<<<<<<<<<<<< ",
        "مرحبا ",
        "مرحبامرحبامرحبامرحبامرحبا ",
        "\u{1f600}",
        "\u{1f600}aaaaaaaa",
        "é=",
        "=",
        "\u{202e}",
        "\u{2028}",
        "a",
        "a \t",
        "\u{7}",
    ] {
        for language in Language::ALL {
            let mut sample = Sample::default();
            let record = filled(&sample, with);
            sample.files[0].name = record.answers["attachment"]["name"].as_str().unwrap().to_owned();
            let row = ListRow {
                name: record.columns.name.clone(),
                organization: record.columns.organization.clone(),
                status: Status::Waiting,
                ..sample.rows[0].clone()
            };
            sample.rows = vec![row; 200];
            let one = weight(record.answers.to_string().len(), &sample.event.form);
            let fit = (MAX_WEIGHT / one).min(50);
            assert!(fit >= 2, "{with:?}: {one}");
            let entry = Entry { record: &record, same_person: &others, ..sample.entry(Kind::Registered) };
            let size = |n| organizer(&sample.organizer(language, &vec![entry; n])).to_bytes().unwrap().len();
            let (few, more) = (size(2), size(6));
            assert!(few <= REST + 2 * one, "{with:?} {language}: 2 of {one} are {few}");
            // What one more entry takes is bounded, too, not only by what the rest leaves free.
            let each = (more - few).div_ceil(4);
            assert!(each <= one, "{with:?} {language}: {each} is more than {one}");
            if language == Language::En && matches!(with, "<" | "مرحبا ") {
                let all = size(fit);
                assert!(all <= 1_000_000 && fit * one > MAX_WEIGHT - one, "{with:?}: {fit} of {one} are {all}");
            }
        }
    }
}

#[test]
fn fifty_usual_registrations_fit_into_one_mail() {
    let sample = Sample::default();
    let one = weight(sample.record.answers.to_string().len(), &sample.event.form);
    assert!(50 * one <= MAX_WEIGHT, "{one}");
    let entries = vec![sample.entry(Kind::Registered); 50];
    let bytes = organizer(&sample.organizer(Language::En, &entries)).to_bytes().unwrap().len();
    assert!(bytes <= 50 * one, "{bytes}");
}
