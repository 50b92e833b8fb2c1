//! What strangers send is read or refused, never a panic: the promises that `fuzz/` looks for at length, in short.

use jiff::Timestamp;
use proptest::prelude::*;
use registration::attachment::{Media, judge, safe_name, sniff};
use registration::event_file;
use registration::phone::to_e164;
use registration::reference::Reference;

/// All seeds of a fuzz target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/").to_owned() + target;
    let entries = std::fs::read_dir(folder).expect("the seeds");
    let seeds: Vec<_> = entries.map(|entry| std::fs::read(entry.expect("a file").path()).expect("reads")).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// A seed with other bytes in one place.
fn changed(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let with = prop_oneof![any::<Vec<u8>>(), "\\PC{0,20}".prop_map(String::into_bytes)];
    (prop::sample::select(seeds(target)), any::<prop::sample::Index>(), 0_usize..20, with).prop_map(
        |(mut seed, at, cut, with)| {
            let start = at.index(seed.len() + 1);
            let end = (start + cut).min(seed.len());
            seed.splice(start..end, with);
            seed
        },
    )
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_has_a_kind_or_none_and_a_name_that_is_safe(bytes in changed("sniff")) {
        let _ = (sniff(&bytes), judge(&bytes, bytes.len() as u64, &Media::ALL, 10 << 20));
        for media in Media::ALL {
            let name = safe_name(&words(&bytes), media);
            prop_assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control), "{name:?}");
            prop_assert!(!name.starts_with('.') && (3..=120).contains(&name.chars().count()), "{name:?}");
            prop_assert_eq!(&safe_name(&name, media), &name, "a safe name stays as it is");
        }
    }

    #[test]
    fn a_telephone_number_that_is_understood_is_understood_again(bytes in changed("phone")) {
        let text = words(&bytes);
        let (region, written) = match text.split_once(' ') {
            Some((region, rest)) if region.len() == 2 => (Some(region), rest),
            _ => (None, text.as_str()),
        };
        if let Ok(number) = to_e164(written, region) {
            prop_assert_eq!(to_e164(&number, None), Ok(number));
        }
    }

    #[test]
    fn a_reference_that_is_read_is_written_the_same(bytes in changed("reference")) {
        if let Ok(reference) = words(&bytes).parse::<Reference>() {
            prop_assert_eq!(reference.as_str().parse::<Reference>(), Ok(reference));
        }
    }

    #[test]
    fn an_event_file_is_read_or_refused_with_a_sentence(bytes in changed("event_file")) {
        let imported_at = Timestamp::from_second(1_793_000_000).unwrap();
        if let Err(error) = event_file::parse(&words(&bytes), imported_at) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
