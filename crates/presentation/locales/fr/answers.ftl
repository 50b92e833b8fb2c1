# Answers in words, and conditions as they stand over a field.

answer-yes = Oui
answer-no = Non
answer-file = { $name } ({ $type }, { $size })
answer-later = à venir

# $values are quoted and joined by list-or.
only-if-is = Uniquement si la réponse à « { $label } » est { $values }.
only-if-includes = Uniquement si la réponse à « { $label } » comprend { $values }.
