# All pages but the form.

page-demo = DEMO : ceci est un essai. Rien ici ne vous inscrit à une conférence, et ses courriels ne partent pour personne.
page-skip = Aller au contenu
page-languages = Langue
page-all-events = Tous les événements

# An event.
event-register = S’inscrire
event-register-waiting = S’inscrire sur la liste d’attente
event-opens = Les inscriptions ouvriront le { $when }.
event-closes = Les inscriptions sont ouvertes jusqu’au { $when }.
event-closed = Les inscriptions ont été closes le { $when }.
event-places-left = { $n ->
    [one] Il reste { $n } place.
   *[other] Il reste { $n } places.
}
event-full = Toutes les places sont prises.
event-full-waiting = Toutes les places sont prises ; il y a une liste d’attente.
event-calendar = Ajouter à votre agenda
event-views = Page vue { $n } fois

# The list of events.
home-title = Événements
home-empty = Aucun événement n’est ouvert aux inscriptions pour le moment. Merci de revenir plus tard.

# After registering.
registered-confirmed-title = Votre inscription est confirmée
registered-confirmed-text = Merci. Vous avez une place.
registered-waiting-title = Vous êtes sur la liste d’attente
registered-waiting-text = Merci. { $lack } Vous n’avez pas encore de place à l’événement ; les organisateurs vous écriront si une place se libère.
registered-pending-title = Votre inscription est arrivée
registered-pending-text = Merci. Les organisateurs vont l’examiner et vous écriront.
registered-offered-title = Une place vous attend
registered-offered-text = Une place s’est libérée et vous est réservée. Les organisateurs vous ont écrit comment l’accepter.
registered-rejected-title = Cette inscription n’a pas été acceptée
registered-rejected-text = Les organisateurs n’ont pas pu accepter cette inscription.
registered-withdrawn-title = Cette inscription a été retirée
registered-withdrawn-text = Elle a été retirée par la personne inscrite.
registered-cancelled-title = Cette inscription a été annulée
registered-cancelled-text = Elle a été annulée par les organisateurs.
registered-reference = Votre référence
registered-dropped-title = Réponses écartées
registered-dropped-text = Ces réponses ne s’appliquaient pas à ce que vous avez choisi ailleurs dans le formulaire ; elles n’ont donc pas été conservées :
registered-next-title = La suite
registered-next-once = Chaque adresse n’est inscrite qu’une fois. Si celle-ci l’était déjà, la première inscription reste valable, et un courrier à cette adresse l’indique.
registered-next-no-mail = { $email } a déjà reçu plusieurs courriers d’inscription aujourd’hui : aucune confirmation n’y est envoyée. Conservez la référence et cette page.
registered-next-mail = Une confirmation est en route vers { $email }. Si elle n’arrive pas dans l’heure, regardez parmi les courriers indésirables.
registered-next-contact = Si quelque chose est inexact ou change, prévenez les organisateurs en indiquant votre référence : { $contact }
registered-next-page = Gardez l’adresse de cette page pour vous : quiconque la possède peut lire vos réponses.
registered-answers-title = Ce que nous avons reçu
registered-another = Inscrire une autre personne

# Where a registrant adds or replaces attachments.
attach-title = Vos pièces jointes
attach-until = Vous pouvez ajouter ou remplacer des pièces jointes jusqu’au { $when }.
attach-not-asked = Aucun fichier ne vous a été demandé : avec vos réponses, il n’y a rien à joindre.
attach-none = Rien n’est encore joint.
attach-missing = Vous vouliez joindre ce fichier plus tard : il manque encore.
attach-submit = Enregistrer
attach-saved = Enregistré. Les organisateurs sont prévenus.
attach-nothing = Aucun fichier n’a été choisi. Choisissez-en un, puis appuyez sur « Enregistrer ».
attach-wrong = Tout n’a pas pu être accepté. Regardez les champs ci-dessous.
attach-too-large = L’envoi est trop volumineux : tous les fichiers ensemble ne peuvent pas dépasser { $size }. Rien n’a été modifié.
attach-cross-site = Ces fichiers ont été envoyés depuis un autre site et n’ont donc pas été acceptés. Veuillez les choisir de nouveau ici.
attach-many = { $n ->
    [one] De très nombreuses demandes sont venues de votre réseau. Rien n’a été modifié. Veuillez choisir de nouveau vos fichiers dans une seconde.
   *[other] De très nombreuses demandes sont venues de votre réseau. Rien n’a été modifié. Veuillez choisir de nouveau vos fichiers dans { $n } secondes.
}
attach-quota = Tant de fichiers sont venus de votre réseau aujourd’hui qu’aucun autre n’en est accepté avant le { $when }. Rien n’a été modifié ; revenez à ce moment-là.
attach-quota-all = Plus aucun fichier ne peut être reçu pour l’instant. Rien n’a été modifié ; revenez dans une heure environ.
attach-unavailable = L’enregistrement est momentanément impossible. Rien n’a été modifié. Attendez un instant, puis choisissez de nouveau vos fichiers.
attach-private = Gardez l’adresse de cette page pour vous : quiconque la possède peut remplacer vos fichiers.
registered-attach = Ajouter ou remplacer des pièces jointes
registered-follow-title = N’oubliez pas vos pièces jointes

# States and errors, each with a way on.
state-to-form = Aller au formulaire
state-to-event = À propos de l’événement
state-contact = Des questions ? Adressez-vous aux organisateurs : { $contact }
state-early-title = Les inscriptions ne sont pas encore ouvertes
state-early-text = Elles ouvriront le { $when }. Merci de revenir à ce moment-là.
state-closed-title = Les inscriptions sont closes
state-closed-text = Elles ont été closes le { $when }.
state-full-title = Toutes les places sont prises
state-full-text = Toutes les places ont été attribuées et il n’y a pas de liste d’attente. Rien n’a été enregistré.
state-no-event-title = Nous ne connaissons pas cet événement
state-no-event-text = L’adresse est peut-être incomplète ou mal tapée. La liste des événements montre ceux qui sont ouverts aux inscriptions.
state-not-found-title = Cette page n’existe pas
state-not-found-text = L’adresse est peut-être incomplète ou mal tapée.
state-method-title = Cette adresse ne s’utilise pas ainsi
state-method-text = Merci d’aller au formulaire et de l’envoyer depuis cette page.
state-unreadable-title = Votre formulaire n’est pas arrivé en entier
state-unreadable-text = La connexion a peut-être été coupée pendant l’envoi. Rien n’a été enregistré. Revenez à la page précédente, où vos réponses devraient encore se trouver, et envoyez de nouveau le formulaire.
state-too-large-title = L’envoi est trop volumineux
state-too-large-text = Un formulaire et ses fichiers ne peuvent pas dépasser { $size } en tout. Rien n’a été enregistré. Revenez à la page précédente, choisissez des fichiers plus petits et envoyez de nouveau le formulaire.
state-too-slow-title = La connexion était trop lente
state-too-slow-text = Pendant une minute, presque rien n’est arrivé, et nous avons cessé d’attendre. Rien n’a été enregistré. Revenez à la page précédente, où vos réponses devraient encore se trouver, et envoyez de nouveau le formulaire quand la connexion sera meilleure ; un fichier plus petit aide aussi.
state-too-many-title = Merci de patienter un peu
state-too-many-text = { $n ->
    [one] De très nombreuses demandes sont venues de votre réseau. Celle-ci n’a rien enregistré. Merci de réessayer dans { $n } seconde.
   *[other] De très nombreuses demandes sont venues de votre réseau. Celle-ci n’a rien enregistré. Merci de réessayer dans { $n } secondes.
}
state-cross-site-title = Ce formulaire a été envoyé depuis un autre site
state-cross-site-text = Pour votre sécurité, il n’a pas été accepté et rien n’a été enregistré. Merci de remplir le formulaire sur notre propre page.
state-attach-closed-title = Les pièces jointes ne sont plus acceptées ici
state-attach-closed-text = Elles pouvaient être ajoutées et remplacées jusqu’à la clôture des inscriptions, le { $when }. S’il manque quelque chose, écrivez aux organisateurs en indiquant votre référence.
state-gone-title = Cette inscription n’existe plus
state-gone-text = Elle a été annulée, ou ses données ont été effacées.
state-unavailable-title = Cette page est momentanément indisponible
state-unavailable-text = Nos données sont hors d’atteinte pour le moment. Rien n’a été modifié. Merci de réessayer dans une minute.
state-error-title = Une erreur s’est produite de notre côté
state-error-text = Vous n’y êtes pour rien. Si vous envoyiez un formulaire, revenez à la page précédente et envoyez-le de nouveau : cela ne fera pas deux inscriptions.
state-error-id = Si cela se reproduit, merci de nous indiquer ce numéro : { $id }
state-link-expired-title = Ce lien est trop ancien
state-link-expired-text = Pour protéger les données personnelles, les liens vers les inscriptions fonctionnent pendant 30 jours. Le courriel le plus récent sur cet événement en contient un nouveau.
state-link-invalid-title = Ce lien ne fonctionne pas
state-link-invalid-text = Il a peut-être été coupé par un logiciel de messagerie. Copiez le lien entier du courriel dans la barre d’adresse.
state-organizer-gone-title = Ce lien ne fonctionne plus
state-organizer-gone-text = Il a été créé pour une adresse qui ne figure plus parmi celles des organisateurs de cet événement. Les liens des courriels envoyés aux organisateurs actuels fonctionnent.

# What organisers see.
organizer-title = Inscription { $reference }
organizer-came = Reçue le { $when }.
organizer-language = Langue utilisée :
organizer-write = Écrire à cette personne
organizer-to-list = Toutes les inscriptions
organizer-files = Fichiers
organizer-private = Cette page contient des données personnelles. Merci de ne pas transmettre son adresse.
organizer-list-title = Inscriptions
organizer-list-caption = Les plus récentes d’abord
organizer-list-empty = Personne ne s’est encore inscrit.
organizer-total = En tout
organizer-places = Places restantes
organizer-places-of = { $left } sur { $limit }
organizer-name = Nom
organizer-organization = Organisme
organizer-country = Pays
organizer-category = Catégorie
organizer-status = Statut
organizer-when = Reçue
organizer-older = Inscriptions plus anciennes
organizer-breakdown = En chiffres
organizer-by-status = Statut des inscriptions

status-pending = à décider
status-waiting = liste d’attente
status-offered = place proposée
status-confirmed = confirmée
status-rejected = non acceptée
status-withdrawn = retirée
status-cancelled = annulée
