# All pages but the form.

page-demo = DEMO: this is a trial. Nothing here registers you for a conference, and its mails leave for nobody.
page-skip = Skip to the content
page-languages = Language
page-all-events = All events

# An event.
event-register = Register
event-register-waiting = Join the waiting list
event-opens = Registration opens on { $when }.
event-closes = Registration is open until { $when }.
event-closed = Registration closed on { $when }.
event-places-left = { $n ->
    [one] One place is left.
   *[other] { $n } places are left.
}
event-full = All places are taken.
event-full-waiting = All places are taken; there is a waiting list.
event-calendar = Add to your calendar
event-views = { $n ->
    [one] Viewed once
   *[other] Viewed { $n } times
}

# The list of events.
home-title = Events
home-empty = There is no event to register for at the moment. Please come back later.

# After registering.
registered-confirmed-title = You are registered
registered-confirmed-text = Thank you. Your place is confirmed.
registered-waiting-title = You are on the waiting list
registered-waiting-text = Thank you. { $lack } You do not have a place at the event yet; the organisers will write to you if one becomes free.
registered-pending-title = Your registration has arrived
registered-pending-text = Thank you. The organisers will look at it and write to you.
registered-offered-title = A place is waiting for you
registered-offered-text = A place has become free and is kept for you. The organisers have written to you how to accept it.
registered-rejected-title = This registration was not accepted
registered-rejected-text = The organisers could not accept this registration.
registered-withdrawn-title = This registration was withdrawn
registered-withdrawn-text = It was withdrawn by the person who registered.
registered-cancelled-title = This registration was cancelled
registered-cancelled-text = It was cancelled by the organisers.
registered-reference = Your reference
registered-dropped-title = Left out
registered-dropped-text = These answers did not apply to what you chose elsewhere in the form, so they were not kept:
registered-next-title = What happens next
registered-next-once = Each address is registered once. If this one was registered before, the earlier registration stands, and a mail to the address says so.
registered-next-no-mail = { $email } got several mails about registrations today, so no confirmation is sent there. Keep the reference and this page.
registered-next-mail = A confirmation is on its way to { $email }. If it does not come within an hour, look among the unwanted mail.
registered-next-contact = If something is wrong or changes, tell the organisers, with your reference: { $contact }
registered-next-page = Keep the address of this page to yourself: whoever has it can read your answers.
registered-answers-title = What we received
registered-another = Register another person

# Where a registrant adds or replaces attachments.
attach-title = Your attachments
attach-until = You can add or replace attachments until { $when }.
attach-not-asked = You were not asked for a file: with your answers there is nothing to attach.
attach-none = Nothing is attached yet.
attach-missing = You wanted to attach this later: it is still missing.
attach-submit = Save
attach-saved = Saved. The organisers are told.
attach-nothing = No file was chosen. Please choose one and press “Save”.
attach-wrong = Not everything could be taken. Please look at the fields below.
attach-too-large = Too much was sent: all files together may have { $size }. Nothing was changed.
attach-cross-site = These files were sent from another site, so they were not taken. Please choose them again here.
attach-many = { $n ->
    [one] Very many requests came from your network. Nothing was changed. Please choose your files again in one second.
   *[other] Very many requests came from your network. Nothing was changed. Please choose your files again in { $n } seconds.
}
attach-quota = So many files came from your network today that none is taken from it until { $when }. Nothing was changed; please come back then.
attach-quota-all = No more files can be taken just now. Nothing was changed; please come back in about an hour.
attach-unavailable = We cannot store anything just now. Nothing was changed. Please wait a moment and choose your files again.
attach-private = Keep the address of this page to yourself: whoever has it can replace your files.
registered-attach = Add or replace attachments
registered-follow-title = Please do not forget your attachments

# States and errors, each with a way on.
state-to-form = Go to the form
state-to-event = About the event
state-contact = Questions? Ask the organisers: { $contact }
state-early-title = Registration is not open yet
state-early-text = It opens on { $when }. Please come back then.
state-closed-title = Registration is closed
state-closed-text = It closed on { $when }.
state-full-title = All places are taken
state-full-text = Every place has been given away, and there is no waiting list. Nothing was registered.
state-no-event-title = We do not know this event
state-no-event-text = Perhaps the address was cut or mistyped. The list of events shows what is open for registration.
state-not-found-title = This page does not exist
state-not-found-text = Perhaps the address was cut or mistyped.
state-method-title = This address cannot be used in that way
state-method-text = Please go to the form and send it from there.
state-unreadable-title = Your form did not arrive whole
state-unreadable-text = The connection may have broken while it was being sent. Nothing was registered. Go back to the page before this one, where your answers should still be, and send it again.
state-too-large-title = Too much was sent
state-too-large-text = A form and its files may have { $size } in all. Nothing was registered. Go back to the page before this one, choose smaller files and send it again.
state-too-slow-title = The line was too slow
state-too-slow-text = For a minute almost nothing arrived, so we stopped waiting. Nothing was registered. Go back to the page before this one, where your answers should still be, and send it again when the line is better; a smaller file helps, too.
state-too-many-title = Please wait a little
state-too-many-text = { $n ->
    [one] Very many requests came from your network. Nothing was registered by this one. Please try again in one second.
   *[other] Very many requests came from your network. Nothing was registered by this one. Please try again in { $n } seconds.
}
state-cross-site-title = This form was sent from another site
state-cross-site-text = For your safety it was not accepted, and nothing was registered. Please fill in the form on our own page.
state-attach-closed-title = Attachments are no longer taken here
state-attach-closed-text = They could be added and replaced until registration closed, on { $when }. If something is missing, please write to the organisers, with your reference.
state-gone-title = This registration is not there any more
state-gone-text = It was cancelled, or its data were erased.
state-unavailable-title = This is not available just now
state-unavailable-text = We cannot reach our records at the moment. Nothing was changed. Please try again in a minute.
state-error-title = Something went wrong on our side
state-error-text = It is not your fault. If you were sending a form, go back to the page before this one and send it again: you will not be registered twice.
state-error-id = If it happens again, please tell us this number: { $id }
state-link-expired-title = This link is too old
state-link-expired-text = For the safety of personal data, links to registrations work for 30 days. The newest mail about this event has a fresh one.
state-link-invalid-title = This link does not work
state-link-invalid-text = Perhaps it was cut by a mail program. Copy the whole link from the mail into the address bar.
state-organizer-gone-title = This link does not work any more
state-organizer-gone-text = It was made for an address that is no longer among the organisers of this event. The links in mails to the present organisers work.

# What organisers see.
organizer-title = Registration { $reference }
organizer-came = Received on { $when }.
organizer-language = Language used:
organizer-write = Write to this person
organizer-to-list = All registrations
organizer-files = Files
organizer-private = This page holds personal data. Please do not pass on its address.
organizer-list-title = Registrations
organizer-list-caption = Newest first
organizer-list-empty = Nobody has registered yet.
organizer-total = In all
organizer-places = Places left
organizer-places-of = { $left } of { $limit }
organizer-name = Name
organizer-organization = Organisation
organizer-country = Country
organizer-category = Category
organizer-status = Status
organizer-when = Received
organizer-older = Older registrations
organizer-breakdown = In numbers
organizer-by-status = Status of registrations

status-pending = to be decided
status-waiting = waiting list
status-offered = place offered
status-confirmed = confirmed
status-rejected = not accepted
status-withdrawn = withdrawn
status-cancelled = cancelled
