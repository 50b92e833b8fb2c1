//! The contract suite: what every store must hold, run by each store crate against its own engine.
//!
//! A case is a sentence and a function that is given an empty store. [`contract_tests!`](crate::contract_tests) makes a
//! test of each, so that a failing one is told by its sentence.

#![expect(missing_docs, reason = "the names of the cases are sentences")]
#![expect(clippy::missing_panics_doc, reason = "that is how a case fails")]

pub mod changing;
pub mod counting;
pub mod digests;
pub mod events;
pub mod files;
pub mod hostile;
pub mod outbox;
pub mod places;
pub mod registering;
pub mod setting;
pub mod signs;

/// Makes a `#[tokio::test]` of every case. Takes the name of an `async fn` that gives an empty store and whatever must live
/// as long as it: `async fn fresh() -> (impl Store, Guard)`.
#[macro_export]
macro_rules! contract_tests {
    ($fresh:ident) => {
        $crate::contract_tests! { $fresh:
            events::a_first_import_makes_the_event_with_form_version_one,
            events::the_same_form_again_makes_no_new_version,
            events::a_changed_form_is_a_new_version_and_the_old_one_stays,
            events::imports_at_once_number_their_versions_without_gaps,
            events::events_are_listed_by_slug,
            events::what_is_not_there_is_none,
            events::the_pulse_tells_places_views_and_revision,
            events::a_limit_that_moves_keeps_what_is_taken,
            events::a_counter_that_appears_counts_what_is_taken,
            events::a_limit_that_goes_takes_its_counter_along,
            registering::a_registration_reads_back_as_it_was_written,
            registering::what_may_be_missing_reads_back_as_missing,
            registering::the_same_submission_twice_is_one_registration,
            registering::twenty_copies_at_once_are_one_registration,
            registering::who_comes_again_after_a_broken_connection_is_registered_once,
            registering::a_taken_reference_is_told_and_leaves_nothing,
            registering::a_used_submission_id_is_told_before_a_taken_reference,
            registering::an_event_that_is_not_there_takes_no_registration,
            registering::lists_are_newest_first_and_of_one_event,
            registering::pages_follow_each_other_without_gap_or_overlap,
            places::fifty_takers_get_exactly_ten_places_and_forty_wait,
            places::fifty_takers_get_exactly_ten_places_and_forty_are_told,
            places::fifty_takers_of_an_option_get_its_ten_places,
            places::takers_of_different_options_share_the_event_without_deadlock,
            places::an_exhausted_option_leaves_the_event_counter_untouched,
            places::a_full_event_leaves_the_option_counter_untouched,
            places::a_full_event_without_waiting_list_leaves_nothing_behind,
            places::who_waits_is_counted_as_waiting,
            places::a_key_without_a_counter_is_no_limit,
            places::a_limit_that_comes_while_the_form_is_sent_is_counted,
            files::small_files_come_back_byte_for_byte,
            files::large_files_come_back_byte_for_byte,
            files::an_adopted_upload_is_kept_no_longer,
            files::an_upload_that_is_gone_leaves_nothing,
            files::unfinished_uploads_of_a_form_are_bounded,
            files::an_unfinished_upload_is_not_adopted,
            files::an_upload_of_another_form_is_not_adopted,
            files::left_over_uploads_of_a_form_go_with_its_registration,
            files::the_latest_upload_of_a_field_is_kept,
            files::unfinished_uploads_are_not_kept,
            files::chunks_need_an_upload_that_is_under_way,
            files::a_discarded_upload_is_gone_and_an_attachment_is_not_discarded,
            files::reaping_spares_fresh_uploads_and_attachments,
            outbox::notifications_wait_in_order_until_a_mail_carries_them,
            outbox::a_mail_whose_notification_is_carried_is_left_out_whole,
            outbox::the_mails_of_a_registration_are_found,
            outbox::two_notifiers_make_each_mail_once,
            outbox::a_leased_mail_tells_everything_about_itself,
            outbox::two_lessees_never_share_a_mail,
            outbox::a_lease_that_ended_is_given_again,
            outbox::what_is_sent_is_not_leased_again,
            outbox::a_mail_put_back_is_due_after_its_wait,
            outbox::a_late_worker_does_not_undo_what_is_sent,
            outbox::a_parked_mail_waits_for_resend,
            outbox::any_mail_can_be_sent_again_under_its_message_id,
            outbox::mails_are_listed_newest_first_by_event_and_state,
            outbox::depth_tells_what_is_waiting,
            changing::a_cancelled_registration_gives_its_places_back_and_is_counted_as_cancelled,
            changing::twenty_cancellations_at_once_are_one,
            changing::an_erased_registration_leaves_its_counts_and_nothing_else,
            changing::a_removed_registration_leaves_nothing_and_others_stay,
            changing::a_sent_mail_forgets_its_registrant,
            changing::a_file_that_comes_later_replaces_the_earlier_one,
            changing::a_late_file_that_is_gone_changes_nothing,
            changing::registrations_are_found_and_streamed_in_every_status,
            changing::attachments_of_an_event_are_dropped_a_few_at_a_time,
            changing::the_same_address_or_name_and_organisation_is_the_same_person,
            changing::dossiers_come_in_the_order_asked_for_and_each_with_its_own,
            changing::an_address_that_registers_twice_is_kept_aside_where_one_is_allowed,
            changing::of_twenty_with_one_address_at_once_one_stands,
            digests::a_digests_notifications_wait_for_the_end_of_their_window,
            digests::mails_of_one_window_are_its_parts,
            digests::an_address_gets_so_many_mails_a_day_and_no_more,
            digests::a_fault_of_the_relay_does_not_count_and_does_not_delay,
            digests::a_lease_can_be_prolonged_until_the_mail_is_sent,
            counting::the_summary_is_the_same_before_and_after_folding,
            counting::the_summary_equals_a_recount_after_concurrent_folding,
            counting::summaries_of_events_do_not_mix,
            counting::views_add_up_over_days_and_writers,
            counting::a_fresh_store_is_writable,
            signs::a_sign_tells_how_long_ago_it_was_set,
            signs::of_twenty_claims_at_once_one_holds_until_its_pause_is_over,
            hostile::hostile_strings_come_back_as_they_went_in,
            hostile::hostile_event_files_come_back_as_they_went_in,
        }
    };
    ($fresh:ident: $($concern:ident::$case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _guard) = $fresh().await;
                $crate::contract::$concern::$case(&store).await;
            }
        )*
    };
}
