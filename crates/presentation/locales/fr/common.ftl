# Dates, lists and sizes, shared by pages and mails.

month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre

date-day = { $day ->
    [1] 1er
   *[other] { $day }
}
date-full = { $day } { $month } { $year }
date-day-month = { $day } { $month }
date-range-days = { $first }–{ $last }
date-range = { $first } – { $last }
date-time = { $date } à { $time } ({ $zone })

# "a or b"; with more, the first ones are joined by list-comma.
list-or = { $first } ou { $last }
list-comma = { $first }, { $next }
# Items that may have commas in them.
list-each = { $first } ; { $next }

quote = « { $text } »

size-bytes = { $n ->
    [one] { $n } octet
   *[other] { $n } octets
}
size-kb = { $n } ko
size-mb = { $n } Mo
size-gb = { $n } Go
decimal = { $whole },{ $tenth }

# Figures of an event. $ended: registrations that are over; $waiting: those on the waiting list.
figure-today = { $ended ->
    [0] Reçues aujourd’hui
   *[other] Reçues aujourd’hui (annulées comprises)
}
figure-week = { $ended ->
    [0] Reçues ces 7 derniers jours
   *[other] Reçues ces 7 derniers jours (annulées comprises)
}
figure-visa-letters = Lettres pour visa à établir
figure-field = { $waiting ->
    [0] { $field }
   *[other] { $field } (liste d’attente comprise)
}
name-erased = (effacé)
