# The registration form.

form-title = Inscription
form-title-error = Erreur : { $title }
form-closes = Les inscriptions seront closes le { $when }.
form-required = Merci de répondre à toutes les questions qui ne portent pas la mention « facultatif ».
form-optional = facultatif
form-sometimes = nécessaire dans certains cas
form-choose = Veuillez choisir
form-full = complet
form-full-waiting = complet : liste d’attente
form-full-hint = Si vous choisissez ce qui est complet, toute votre inscription sera sur la liste d’attente.
form-submit = S’inscrire
form-submit-new = Envoyer comme nouvelle inscription
# The script puts the number in the place of “#”.
form-sending = Envoi : # % envoyés. Un gros fichier peut prendre un moment.
form-progress = Progression de l’envoi
form-stop = Annuler l’envoi
form-lost = L’envoi a été interrompu. Tout ce que vous avez saisi est encore là : appuyez de nouveau sur le bouton. Cela ne fera pas deux inscriptions.

# A draft that the browser keeps.
form-draft = Garder un brouillon sur cet appareil
form-draft-help = Dans ce navigateur, 7 jours au plus. Les fichiers et les réponses sur le passeport, le visa, l’alimentation ou la santé n’y sont jamais gardés. À éviter sur un ordinateur partagé.
form-draft-delete = Effacer le brouillon
form-draft-back = Votre brouillon est de retour. Vérifiez-le et complétez ce que les brouillons ne gardent pas.
form-draft-gone = Le brouillon est effacé.

form-waiting-title = Toutes les places sont prises
form-waiting-text = Vous pouvez tout de même vous inscrire. Vous serez sur la liste d’attente et les organisateurs vous écriront si une place se libère.

# Problems at fields. The sentences themselves are in problems.ftl.
form-errors-title = { $n ->
    [one] Il y a un problème avec { $n } réponse
   *[other] Il y a un problème avec { $n } réponses
}
form-errors-kept = Rien n’est encore enregistré. Vos réponses sont encore là, ainsi que tout fichier qui a pu être accepté : inutile de le renvoyer.
form-error = Erreur :
form-error-at = { $label } : { $sentence }

# Bounds of a field.
form-number-between = Un nombre entier de { $min } à { $max }.
form-number-from = Un nombre entier d’au moins { $min }.
form-number-to = Un nombre entier d’au plus { $max }.
form-multi-least = Choisissez-en au moins { $n }.
form-multi-most = { $n ->
    [one] Choisissez-en { $n } au plus.
   *[other] Choisissez-en { $n } au plus.
}

# Files.
form-file-limits = { $types }, { $size } au plus.
form-file-too-big = Ce fichier dépasse { $size }. Veuillez en choisir un plus petit.
form-file-kept = Déjà reçu :
form-file-replace = Si vous choisissez un autre fichier, il remplacera celui-ci.
form-file-remove = Retirer ce fichier
form-file-later = Je le joindrai plus tard, par le lien privé reçu après l’inscription

# What registrants are told about their data.
form-privacy-title = Ce que deviennent vos données
form-privacy-what = Ce qui est conservé
form-privacy-how-long = Pendant combien de temps
form-privacy-readers = Qui les lit
form-privacy-contact = À qui s’adresser

# Messages over a form that comes back.
form-unavailable-title = Rien n’a été enregistré : l’enregistrement est momentanément impossible
form-unavailable-text = Vos réponses sont encore là. Attendez un instant, puis appuyez de nouveau sur le bouton en bas de la page. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
form-expired-title = Rien n’a été enregistré : ce formulaire est resté ouvert trop longtemps
form-expired-text = Vos réponses sont encore là. Vérifiez-les, puis appuyez de nouveau sur le bouton en bas de la page. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
form-other-title = Ce formulaire a déjà été envoyé, avec d’autres réponses
form-other-text = L’inscription { $reference } a été faite avec ce même formulaire et reste telle quelle. Rien d’autre n’a encore été enregistré. Pour inscrire une autre personne avec les réponses ci-dessous, appuyez sur « Envoyer comme nouvelle inscription » en bas de la page.
form-too-large-title = Rien n’a été enregistré : l’envoi est trop volumineux
form-too-large-text = Un formulaire et ses fichiers ne peuvent pas dépasser { $size } en tout. Choisissez des fichiers plus petits, puis appuyez de nouveau sur le bouton en bas de la page.
form-again-title = Rien n’est encore enregistré : veuillez appuyer de nouveau sur le bouton
form-trap-text = Vos réponses sont encore là. Un champ que personne ne voit a été rempli, comme le font les robots et parfois des extensions de navigateur. Vérifiez vos réponses, puis appuyez de nouveau sur le bouton en bas de la page : elles seront alors acceptées. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
form-trap = Veuillez laisser ce champ vide
form-fast-text = Vos réponses sont encore là. Le formulaire est revenu plus vite qu’on ne le remplit d’habitude, comme le font les robots. Vérifiez vos réponses, puis appuyez de nouveau sur le bouton en bas de la page. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
form-cross-site-text = Vos réponses sont encore là. Le formulaire a été envoyé depuis un autre site, ou votre navigateur n’indique pas d’où il vient. Vérifiez que ces réponses sont bien les vôtres, puis appuyez de nouveau sur le bouton en bas de la page. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
form-many-title = Rien n’a été enregistré : de très nombreuses inscriptions sont venues de votre réseau
form-many-text = { $n ->
    [one] Vos réponses sont encore là. Appuyez de nouveau sur le bouton en bas de la page dans une seconde. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
   *[other] Vos réponses sont encore là. Appuyez de nouveau sur le bouton en bas de la page dans { $n } secondes. Si vous aviez choisi un fichier, vérifiez qu’il est toujours là.
}
form-quota-title = Rien n’a été enregistré : plus aucun fichier ne peut être reçu pour l’instant
form-quota-text = Vos réponses sont encore là. Tant de fichiers sont venus de votre réseau aujourd’hui qu’aucun autre n’en est accepté avant le { $when }. Si le fichier peut attendre, inscrivez-vous sans lui dès maintenant ; sinon, choisissez-le de nouveau après ce moment.
form-quota-all-text = Vos réponses sont encore là. Trop de fichiers attendent leur formulaire en ce moment. Si le fichier peut attendre, inscrivez-vous sans lui dès maintenant ; sinon, choisissez-le de nouveau dans une heure environ.
