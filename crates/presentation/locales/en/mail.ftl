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
mail-organizer-from = { $event } registrations
mail-organizer-lead = { $name } has registered for { $event }
mail-organizer-lead-unnamed = Somebody has registered for { $event }
mail-organizer-waiting = All places are taken: this registration is on the waiting list.
mail-organizer-open = Open the registration
mail-organizer-why = You get this mail because you are an organiser of { $event }. An answer to it goes to the registrant.
mail-organizer-private = The links are made for you and work until { $date }. Whoever has them can read the registrations, so do not pass this mail on.

# Heading over answers that stand before the form’s first heading.
mail-answers = Answers
mail-files = Files
mail-files-hint = The files are not attached to this mail; open them from the registration.

mail-summary = All registrations
mail-summary-total = Registrations
mail-summary-places = Places left
mail-summary-places-of = { $left } of { $limit }
mail-summary-today = Today
mail-summary-week = Last 7 days
mail-summary-visa = Visa letters owed
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
mail-confirmation-lead-waiting = You are on the waiting list for { $event }. All places are taken at the moment.
mail-confirmation-lead-received = Your registration for { $event }
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
