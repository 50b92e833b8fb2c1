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
form-submit = S’inscrire
form-submit-new = Envoyer comme nouvelle inscription
form-sending = Envoi en cours… Un gros fichier peut prendre un moment ; merci de patienter.

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

# Files.
form-file-limits = { $types }, { $size } au plus.
form-file-too-big = Ce fichier dépasse { $size }. Veuillez en choisir un plus petit.
form-file-kept = Déjà reçu :
form-file-replace = Si vous choisissez un autre fichier, il remplacera celui-ci.
form-file-remove = Retirer ce fichier

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
