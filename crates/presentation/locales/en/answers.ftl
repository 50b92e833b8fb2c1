# Answers in words, and conditions as they stand over a field.

answer-yes = Yes
answer-no = No
answer-file = { $name } ({ $type }, { $size })
answer-later = to follow

# $values are quoted and joined by list-or.
only-if-is = Only if “{ $label }” is { $values }.
only-if-includes = Only if “{ $label }” includes { $values }.
