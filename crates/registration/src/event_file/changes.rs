//! What another import of an event changed.

use crate::event::Event;

/// Keys of the event file in which two events differ, but for `field`: form versions tell of that. Relative days count as the
/// days they stand for.
pub fn changes(before: &Event, now: &Event) -> Vec<&'static str> {
    let Event {
        slug,
        name,
        short_name,
        description,
        starts,
        ends,
        zone,
        venue,
        opens,
        closes,
        capacity,
        when_full,
        categories,
        organizers,
        languages,
        show_views,
        one_per_address,
        retention,
        privacy,
        form: _,
    } = before;
    let kept = [
        ("slug", *slug == now.slug),
        ("name", *name == now.name),
        ("short_name", *short_name == now.short_name),
        ("description", *description == now.description),
        ("starts", *starts == now.starts),
        ("ends", *ends == now.ends),
        ("zone", *zone == now.zone),
        ("venue", *venue == now.venue),
        ("opens", *opens == now.opens),
        ("closes", *closes == now.closes),
        ("capacity", *capacity == now.capacity),
        ("when_full", *when_full == now.when_full),
        ("categories", *categories == now.categories),
        ("organizers", *organizers == now.organizers),
        ("languages", *languages == now.languages),
        ("show_views", *show_views == now.show_views),
        ("one_per_address", *one_per_address == now.one_per_address),
        ("retention", *retention == now.retention),
        ("privacy", *privacy == now.privacy),
    ];
    kept.into_iter().filter(|(_, kept)| !kept).map(|(key, _)| key).collect()
}
