# Answers in words, and conditions as they stand over a field.

answer-yes = Yes
answer-no = No
answer-file = { $name } ({ $type }, { $size })
answer-later = to follow

# Why a registration is on the waiting list. $options are joined by list-each.
lack-event = All places are taken at the moment.
lack-options = There is no place left for: { $options }.
lack-event-before = All places were taken when this registration arrived.
lack-before = Not everything that was chosen had a place left when this registration arrived.

# $values are quoted and joined by list-or.
only-if-is = Only if “{ $label }” is { $values }.
only-if-includes = Only if “{ $label }” includes { $values }.
