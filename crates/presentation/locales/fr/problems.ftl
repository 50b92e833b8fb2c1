# What is wrong with an answer, and what to do. Only labels and bounds go in, never what was typed.

problem-missing-text = Remplissez « { $label } ».
problem-missing-email = Remplissez « { $label } », sous la forme nom@example.org.
problem-missing-phone = Remplissez « { $label } », avec l’indicatif du pays, par exemple +237 222 123 456.
problem-missing-number = Remplissez « { $label } » par un nombre entier.
problem-missing-date = Indiquez une date pour « { $label } ».
problem-missing-yes-no = Choisissez oui ou non pour « { $label } ».
problem-missing-choice = Choisissez l’une des options pour « { $label } ».
problem-missing-multi = Choisissez au moins une option pour « { $label } ».
problem-missing-list = Choisissez un élément de la liste « { $label } ».
problem-missing-consent = Cochez la case « { $label } » pour continuer.
problem-missing-file = Joignez un fichier pour « { $label } » : { $types }, { $size } au plus.

problem-too-short = { $n ->
    [one] Écrivez au moins { $n } caractère.
   *[other] Écrivez au moins { $n } caractères.
}
problem-too-long = { $n ->
    [one] C’est trop long. Écrivez { $n } caractère au plus.
   *[other] C’est trop long. Écrivez { $n } caractères au plus.
}
problem-characters = Cette réponse contient des retours à la ligne ou des caractères invisibles qui ne peuvent pas être conservés. Saisissez-la au clavier au lieu de la coller.
problem-url-in-name = Un nom ne peut pas contenir d’adresse web. Écrivez seulement le nom.
problem-email = Cette adresse électronique est incomplète. Écrivez-la sous la forme nom@example.org.
problem-phone-no-country = Le pays de ce numéro n’est pas clair. Commencez par + et l’indicatif du pays, par exemple +237 222 123 456.
problem-phone = Ce numéro de téléphone n’existe pas. Vérifiez les chiffres et commencez par + et l’indicatif du pays, par exemple +237 222 123 456.
problem-number = Écrivez un nombre entier en chiffres, par exemple 3.
problem-number-between = Écrivez un nombre entier de { $min } à { $max }.
problem-number-from = Écrivez un nombre entier d’au moins { $min }.
problem-number-to = Écrivez un nombre entier d’au plus { $max }.
problem-date = Ce n’est pas une date. Choisissez un jour du calendrier, ou écrivez l’année, le mois et le jour, par exemple 2026-11-04.
problem-date-between = Choisissez une date entre le { $min } et le { $max }.
problem-date-from = Choisissez le { $min } ou une date ultérieure.
problem-date-to = Choisissez le { $max } ou une date antérieure.
problem-departure = Le départ est avant l’arrivée. Corrigez l’une des deux dates.
problem-unknown-option = Cette option n’est plus proposée. Choisissez l’une de celles qui figurent ici.
problem-too-few-options = { $n ->
    [one] Choisissez au moins { $n } option.
   *[other] Choisissez au moins { $n } options.
}
problem-too-many-options = { $n ->
    [one] Choisissez seulement { $n } option.
   *[other] Choisissez { $n } options au plus.
}
problem-option-full = La dernière place pour « { $option } » vient d’être prise. Choisissez une autre option.
problem-twice = Plusieurs réponses sont arrivées ici. Répondez une seule fois.
problem-unknown-field = Une réponse est arrivée à une question que ce formulaire ne pose pas. Elle a été écartée : vérifiez le formulaire et envoyez-le de nouveau.

problem-file-empty = Ce fichier est vide. Choisissez-en un autre.
problem-file-too-large = Ce fichier dépasse { $size }. Choisissez-en un plus petit ou réduisez-le : numérisez avec une résolution plus basse, ou enregistrez l’image dans une taille plus petite.
problem-file-heic = C’est une image HEIC, que beaucoup d’ordinateurs ne peuvent pas ouvrir. Envoyez un JPEG : sur l’iPhone, choisissez Réglages › Appareil photo › Formats › Le plus compatible et reprenez la photo, ou faites-en une capture d’écran.
problem-file-type = Ce fichier ne peut pas être accepté ; c’est son contenu qui compte, pas la fin de son nom. Enregistrez-le ou exportez-le au format { $types } et choisissez ce fichier-là.
problem-file-huge-image = Cette image a trop de pixels. Réduisez-la à { $side } pixels de côté au plus et { $millions } millions en tout.
