# Dates, lists and sizes, shared by pages and mails.

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

date-day = { $day }
date-full = { $day } { $month } { $year }
date-day-month = { $day } { $month }
date-range-days = { $first }–{ $last }
date-range = { $first } – { $last }
date-time = { $date }, { $time } ({ $zone })

# "a or b"; with more, the first ones are joined by list-comma.
list-or = { $first } or { $last }
list-comma = { $first }, { $next }
# Items that may have commas in them.
list-each = { $first }; { $next }

quote = “{ $text }”

size-bytes = { $n ->
    [one] { $n } byte
   *[other] { $n } bytes
}
size-kb = { $n } kB
size-mb = { $n } MB
size-gb = { $n } GB
decimal = { $whole }.{ $tenth }

# Figures of an event. $ended: registrations that are over; $waiting: those on the waiting list.
figure-today = { $ended ->
    [0] Received today
   *[other] Received today (cancelled included)
}
figure-week = { $ended ->
    [0] Received in the last 7 days
   *[other] Received in the last 7 days (cancelled included)
}
figure-visa-letters = Visa letters to write
figure-field = { $waiting ->
    [0] { $field }
   *[other] { $field } (waiting list included)
}
name-erased = (erased)
