# Answers in words, and conditions as they stand over a field.

answer-yes = Oui
answer-no = Non
answer-file = { $name } ({ $type }, { $size })
answer-later = à venir

# Why a registration is on the waiting list. $options are joined by list-each.
lack-event = Toutes les places sont prises pour le moment.
lack-options = Il ne reste plus de place pour : { $options }.
lack-event-before = Toutes les places étaient prises à l’arrivée de cette inscription.
lack-before = À l’arrivée de cette inscription, il ne restait pas de place pour tout ce qui avait été choisi.

# $values are quoted and joined by list-or.
only-if-is = Uniquement si la réponse à « { $label } » est { $values }.
only-if-includes = Uniquement si la réponse à « { $label } » comprend { $values }.
