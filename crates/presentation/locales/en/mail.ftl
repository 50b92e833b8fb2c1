# Mails: to organisers, and the confirmation to the registrant.

# A label before its value in a plain text mail.
mail-label = { $label }:

mail-reference = Reference
mail-status = Status
mail-received = Received
mail-language = Language used
mail-dates = Dates
mail-venue = Venue

mail-status-pending = Waiting for a decision
mail-status-waiting = On the waiting list
mail-status-offered = Offered a place
mail-status-confirmed = Confirmed
mail-status-rejected = Not accepted
mail-status-withdrawn = Withdrawn
mail-status-cancelled = Cancelled

mail-organizer-subject = [{ $event }] Registration { $reference } ({ $count })
mail-organizer-subject-cancelled = [{ $event }] Cancelled: { $reference } ({ $count })
mail-organizer-subject-erased = [{ $event }] Erased: { $reference } ({ $count })
mail-organizer-subject-attached = [{ $event }] New file: { $reference } ({ $count })
mail-organizer-from = { $event } registrations
mail-organizer-lead = { $name } has registered for { $event }
mail-organizer-lead-unnamed = Somebody has registered for { $event }
mail-organizer-waiting = { $lack } This registration is on the waiting list.
mail-organizer-open = Open the registration
mail-organizer-why = You get this mail because you are an organiser of { $event }.
mail-organizer-why-answer = { $why } An answer to it goes to the registrant.
mail-organizer-private = The links are made for you and work until { $date }. Whoever has them can read the registrations, so do not pass this mail on.

mail-cancelled-lead = Registration { $reference } for { $event } was cancelled
mail-cancelled-at = Cancelled on
mail-erased-lead = The data of registration { $reference } for { $event } were erased
mail-erased-at = Erased on
mail-attached-lead = A file was sent for registration { $reference } for { $event }
mail-attached-at = Sent on

# One registration of several in a mail.
mail-entry-heading = { $reference } { $name }
mail-entry-cancelled = This registration was cancelled.
mail-entry-erased = The data of this registration were erased.
mail-entry-attached = A file was added or replaced.
mail-entry-duplicate = Possible duplicate of { $references }
mail-overview-erased = Erased
mail-overview-attached = New file
mail-overview-duplicate = { $status }; possible duplicate

# What several entries of a mail are, joined by commas.
mail-count-registered = { $n ->
    [one] { $n } registration
   *[other] { $n } registrations
}
mail-count-cancelled = { $n ->
    [one] { $n } cancellation
   *[other] { $n } cancellations
}
mail-count-erased = { $n ->
    [one] { $n } erasure
   *[other] { $n } erasures
}
mail-count-attached = { $n ->
    [one] { $n } new file
   *[other] { $n } new files
}

mail-digest-subject = [{ $event }] { $what } ({ $count })
mail-digest-subject-window = [{ $event }] { $what }, { $window } ({ $count })
mail-digest-from = { $event } digest
mail-digest-lead = { $event }: { $what }
mail-digest-period = From { $first } to { $last }.

# The time of a digest in a subject: 10:00–10:30; 4 November, 10:00–10:30; 4 November 18:00 – 5 November 18:00.
mail-window-times = { $first }–{ $last }
mail-window-day = { $date }, { $times }
mail-window-moment = { $date } { $time }
mail-window-days = { $first } – { $last }
mail-window-part = { $window }, part { $part }

# Heading over answers that stand before the form’s first heading.
mail-answers = Answers
mail-files = Files
mail-files-hint = The files are not attached to this mail; open them from the registration.

mail-summary = All registrations
mail-summary-total = Registrations
mail-summary-places = Places left
mail-summary-places-of = { $left } of { $limit }
mail-summary-places-field = Places left: { $field }
mail-summary-others = Others

mail-table-all = { $total ->
    [one] The first registration
   *[other] All { $total } registrations, newest first
}
mail-table-latest = The latest { $shown } of { $total } registrations
mail-table-name = Name
mail-table-name-status = { $name } ({ $status })
mail-table-organization = Organisation
mail-table-country = Country
mail-table-category = Category
mail-table-when = When
mail-table-times = Times are those of { $zone }.
mail-table-list = Open the list of all registrations

mail-confirmation-subject = [{ $event }] Your registration { $reference }
mail-confirmation-subject-waiting = [{ $event }] You are on the waiting list: { $reference }
mail-confirmation-lead-confirmed = You are registered for { $event }
mail-confirmation-lead-waiting = You are on the waiting list for { $event }. { $lack }
mail-confirmation-lead-received = Your registration for { $event }
mail-confirmation-subject-cancelled = [{ $event }] Your registration { $reference } is cancelled
mail-confirmation-lead-cancelled = Your registration for { $event } is cancelled
mail-confirmation-next-cancelled = You have no place any more. If you did not expect this, please write to the organisers and give your reference.
mail-confirmation-attach = Send a file later
mail-confirmation-attach-lead = With this private link you can add your file, or replace the one that you sent:
mail-confirmation-attach-open = Add or replace the file
mail-confirmation-attach-until = The link works until { $date }. Whoever has it can send a file for you, so do not pass it on.
mail-confirmation-calendar = Add the dates to your calendar
mail-confirmation-page = Page of the event
mail-confirmation-next = What happens next
mail-confirmation-next-confirmed = You have a place. Keep this mail, and give your reference whenever you write to the organisers.
mail-confirmation-next-waiting = You need not do anything. The organisers write to this address if a place becomes free. Please do not book your journey before that.
mail-confirmation-next-received = The status above is the one that holds now. Give your reference whenever you write to the organisers.
mail-confirmation-next-visa = You asked for an invitation letter for your visa. The organisers write to this address about it.
mail-confirmation-chosen = What you chose
mail-confirmation-chosen-hint = Only choices and dates are repeated here. What you wrote yourself has reached the organisers, too.
mail-confirmation-ask = Whom to ask
mail-confirmation-why = You get this mail because this address was entered in the registration form of { $event }. If that was not you, please tell the organisers.

mail-duplicate-subject = [{ $event }] You are already registered: { $reference }
mail-duplicate-lead = Somebody registered again for { $event } with this mail address
mail-duplicate-stands = Probably that was you. Each address can register once: the first registration, { $reference }, stands as it was.
mail-duplicate-change = If you want to change something, or to register somebody else with this address, please write to the organisers and give the reference.

mail-test-subject = Test mail of { $host }
mail-test-lead = Mails of { $host } arrive
mail-test-body = Somebody sent this mail to see whether mails of the registration arrive. It is about no registration, and you need not do anything.

# Every mail of a demo begins with it.
mail-demo = DEMO: this mail comes from a trial. It registers nobody for a conference.
