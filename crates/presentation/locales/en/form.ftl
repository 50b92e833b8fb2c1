# The registration form.

form-title = Register
form-title-error = Error: { $title }
form-closes = Registration closes on { $when }.
form-required = Please answer every question that is not marked “optional”.
form-optional = optional
form-sometimes = needed in some cases
form-choose = Please choose
form-full = full
form-full-waiting = full: waiting list
form-full-hint = If you choose what is full, your whole registration goes on the waiting list.
form-submit = Register
form-submit-new = Send as a new registration
# The script puts the number in the place of “#”.
form-sending = Sending: #% sent. A large file can take a while.
form-progress = Progress of sending
form-stop = Cancel sending
form-lost = Sending was interrupted. Everything you entered is still here: please press the button again. You will not be registered twice.

# A draft that the browser keeps.
form-draft = Keep a draft on this device
form-draft-help = In this browser, for 7 days at most. Files and answers about passport, visa, food or health are never kept. Not for shared computers.
form-draft-delete = Delete the draft
form-draft-back = Your draft is back. Please check it and add what drafts do not keep.
form-draft-gone = The draft is deleted.

form-waiting-title = All places are taken
form-waiting-text = You can still register. You will be put on the waiting list, and the organisers will write to you if a place becomes free.

# Problems at fields. The sentences themselves are in problems.ftl.
form-errors-title = { $n ->
    [one] There is a problem with { $n } answer
   *[other] There are problems with { $n } answers
}
form-errors-kept = Nothing is registered yet. Your answers are still here, and so is every file that could be accepted: you need not send it again.
form-error = Error:
form-error-at = { $label }: { $sentence }

# Bounds of a field.
form-number-between = A whole number from { $min } to { $max }.
form-number-from = A whole number of at least { $min }.
form-number-to = A whole number of at most { $max }.
form-multi-least = Choose at least { $n }.
form-multi-most = { $n ->
    [one] Choose one at most.
   *[other] Choose { $n } at most.
}

# Files.
form-file-limits = { $types }, at most { $size }.
form-file-too-big = This file is larger than { $size }. Please choose a smaller one.
form-file-kept = Already received:
form-file-replace = If you choose another file, it takes this one’s place.
form-file-remove = Remove this file
form-file-later = I will attach it later, by the private link that I get after registering

# What registrants are told about their data.
form-privacy-title = What happens to your data
form-privacy-what = What is kept
form-privacy-how-long = For how long
form-privacy-readers = Who reads it
form-privacy-contact = Whom to ask

# Messages over a form that comes back.
form-unavailable-title = Nothing was registered: we cannot store anything just now
form-unavailable-text = Your answers are still here. Please wait a moment and press the button at the end of the page again. If you had chosen a file, check that it is still there.
form-expired-title = Nothing was registered: this form was open for too long
form-expired-text = Your answers are still here. Please check them and press the button at the end of the page again. If you had chosen a file, check that it is still there.
form-other-title = This form has already been sent, with other answers
form-other-text = Registration { $reference } was made from this same form and stays as it is. Nothing else has been registered yet. To register another person with the answers below, press “Send as a new registration” at the end of the page.
form-too-large-title = Nothing was registered: too much was sent
form-too-large-text = A form and its files may have { $size } in all. Please choose smaller files and press the button at the end of the page again.
form-again-title = Nothing is registered yet: please press the button again
form-trap-text = Your answers are still here. An input that people do not see was filled in, which robots do, and sometimes browser extensions. Please check your answers and press the button at the end of the page again: then they are taken. If you had chosen a file, check that it is still there.
form-trap = Please leave this empty
form-fast-text = Your answers are still here. The form came back faster than people usually fill it in, as robots do. Please check your answers and press the button at the end of the page again. If you had chosen a file, check that it is still there.
form-cross-site-text = Your answers are still here. The form was sent from another site, or your browser does not say from where. Please check that these answers are yours and press the button at the end of the page again. If you had chosen a file, check that it is still there.
form-many-title = Nothing was registered: very many registrations came from your network
form-many-text = { $n ->
    [one] Your answers are still here. Please press the button at the end of the page again in one second. If you had chosen a file, check that it is still there.
   *[other] Your answers are still here. Please press the button at the end of the page again in { $n } seconds. If you had chosen a file, check that it is still there.
}
form-quota-title = Nothing was registered: no more files can be taken just now
form-quota-text = Your answers are still here. So many files came from your network today that none is taken from it until { $when }. If the file can wait, register without it now; otherwise choose it again after that time.
form-quota-all-text = Your answers are still here. Too many files are waiting for their forms at the moment. If the file can wait, register without it now; otherwise choose it again in about an hour.
