# What is wrong with an answer, and what to do. Only labels and bounds go in, never what was typed.

problem-missing-text = Fill in “{ $label }”.
problem-missing-email = Fill in “{ $label }”, in the form name@example.org.
problem-missing-phone = Fill in “{ $label }”, with the country code, for example +260 211 123456.
problem-missing-number = Fill in “{ $label }” with a whole number.
problem-missing-date = Enter a date for “{ $label }”.
problem-missing-yes-no = Choose yes or no for “{ $label }”.
problem-missing-choice = Choose one of the options for “{ $label }”.
problem-missing-multi = Choose at least one option for “{ $label }”.
problem-missing-list = Choose an entry of the list “{ $label }”.
problem-missing-consent = Tick the box “{ $label }” to go on.
problem-missing-file = Attach a file for “{ $label }”: { $types }, at most { $size }.

problem-too-short = { $n ->
    [one] Write at least { $n } character.
   *[other] Write at least { $n } characters.
}
problem-too-long = { $n ->
    [one] This is too long. Write at most { $n } character.
   *[other] This is too long. Write at most { $n } characters.
}
problem-characters = This contains line breaks or invisible characters that cannot be kept. Type it again instead of pasting it.
problem-url-in-name = A name cannot contain a web address. Write the name only.
problem-email = This is not a complete email address. Write it in the form name@example.org.
problem-phone-no-country = The country of this number is not clear. Start with + and the country code, for example +260 211 123456.
problem-phone = This is not a telephone number that exists. Check the digits, and start with + and the country code, for example +260 211 123456.
problem-number = Write a whole number in digits, for example 3.
problem-number-between = Write a whole number from { $min } to { $max }.
problem-number-from = Write a whole number of at least { $min }.
problem-number-to = Write a whole number of at most { $max }.
problem-date = This is not a date. Choose a day of the calendar, or write year, month and day, for example 2026-11-04.
problem-date-between = Choose a date from { $min } to { $max }.
problem-date-from = Choose { $min } or a later date.
problem-date-to = Choose { $max } or an earlier date.
problem-departure = The departure is before the arrival. Correct one of the two dates.
problem-unknown-option = This is not one of the options any more. Choose one of those offered here.
problem-too-few-options = { $n ->
    [one] Choose at least { $n } option.
   *[other] Choose at least { $n } options.
}
problem-too-many-options = { $n ->
    [one] Choose only { $n } option.
   *[other] Choose at most { $n } options.
}
problem-option-full = The last place for “{ $option }” has just been taken. Choose another option.
problem-twice = More than one answer arrived here. Answer once.
problem-unknown-field = An answer arrived to a question that this form does not ask. It has been left out: check the form and send it again.

problem-file-empty = This file is empty. Choose another one.
problem-file-too-large = This file is larger than { $size }. Choose a smaller one, or reduce it: scan with a lower resolution, or save the picture in a smaller size.
problem-file-heic = This is a HEIC picture, which many computers cannot open. Send a JPEG: on the iPhone choose Settings › Camera › Formats › Most Compatible and take the picture again, or take a screenshot of it.
problem-file-type = This file cannot be taken; what counts is its content, not the end of its name. Save or export it as { $types } and choose that file.
problem-file-huge-image = This picture has too many pixels. Reduce it to at most { $side } pixels a side and { $millions } million in all.
