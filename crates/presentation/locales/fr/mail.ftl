# Courriels : aux organisateurs, et confirmation à la personne inscrite.

# Un libellé devant sa valeur dans un courriel en texte brut.
mail-label = { $label } :

mail-reference = Référence
mail-status = Statut
mail-received = Reçue
mail-language = Langue utilisée
mail-dates = Dates de l’événement
mail-venue = Lieu

mail-status-pending = En attente d’une décision
mail-status-waiting = Sur liste d’attente
mail-status-offered = Place proposée
mail-status-confirmed = Confirmée
mail-status-rejected = Non retenue
mail-status-withdrawn = Retirée
mail-status-cancelled = Annulée

mail-organizer-subject = [{ $event }] Inscription { $reference } ({ $count })
mail-organizer-subject-cancelled = [{ $event }] Annulée : { $reference } ({ $count })
mail-organizer-subject-erased = [{ $event }] Effacée : { $reference } ({ $count })
mail-organizer-subject-attached = [{ $event }] Nouveau fichier : { $reference } ({ $count })
mail-organizer-from = Inscriptions { $event }
mail-organizer-lead = Nouvelle inscription à « { $event } » : { $name }
mail-organizer-lead-unnamed = Nouvelle inscription à « { $event } »
mail-organizer-waiting = { $lack } Cette inscription est sur liste d’attente.
mail-organizer-open = Ouvrir l’inscription
mail-organizer-why = Vous recevez ce courriel parce que vous faites partie des organisateurs de « { $event } ».
mail-organizer-why-answer = { $why } Votre réponse parviendra à la personne inscrite.
mail-organizer-private = Ces liens vous sont personnels et fonctionnent jusqu’au { $date }. Quiconque les possède peut lire les inscriptions : ne transférez pas ce courriel.

mail-cancelled-lead = L’inscription { $reference } à « { $event } » a été annulée
mail-cancelled-at = Annulée le
mail-erased-lead = Les données de l’inscription { $reference } à « { $event } » ont été effacées
mail-erased-at = Effacée le
mail-attached-lead = Un fichier a été envoyé pour l’inscription { $reference } à « { $event } »
mail-attached-at = Envoyé le

# One registration of several in a mail.
mail-entry-heading = { $reference } – { $name }
mail-entry-cancelled = Cette inscription a été annulée.
mail-entry-erased = Les données de cette inscription ont été effacées.
mail-entry-attached = Un fichier a été ajouté ou remplacé.
mail-entry-duplicate = Doublon possible de { $references }
mail-overview-erased = Effacée
mail-overview-attached = Nouveau fichier
mail-overview-duplicate = { $status } ; doublon possible

# What several entries of a mail are, joined by commas.
mail-count-registered = { $n ->
    [one] { $n } inscription
   *[other] { $n } inscriptions
}
mail-count-cancelled = { $n ->
    [one] { $n } annulation
   *[other] { $n } annulations
}
mail-count-erased = { $n ->
    [one] { $n } effacement
   *[other] { $n } effacements
}
mail-count-attached = { $n ->
    [one] { $n } nouveau fichier
   *[other] { $n } nouveaux fichiers
}

mail-digest-subject = [{ $event }] { $what } ({ $count })
mail-digest-subject-window = [{ $event }] { $what }, { $window } ({ $count })
mail-digest-from = Récapitulatif { $event }
mail-digest-lead = { $event } : { $what }
mail-digest-period = Du { $first } au { $last }.

# The time of a digest in a subject: 10:00–10:30; 4 November, 10:00–10:30; 4 November 18:00 – 5 November 18:00.
mail-window-times = { $first }–{ $last }
mail-window-day = { $date }, { $times }
mail-window-moment = { $date } à { $time }
mail-window-days = { $first } – { $last }
mail-window-part = { $window }, partie { $part }

# Heading over answers that stand before the form’s first heading.
mail-answers = Réponses
mail-files = Fichiers
mail-files-hint = Les fichiers ne sont pas joints à ce courriel ; ouvrez-les depuis l’inscription.

mail-summary = Ensemble des inscriptions
mail-summary-total = Inscriptions
mail-summary-places = Places restantes
mail-summary-places-of = { $left } sur { $limit }
mail-summary-places-field = Places restantes : { $field }
mail-summary-others = Autres

mail-table-all = { $total ->
    [one] La première inscription
   *[other] Les { $total } inscriptions, de la plus récente à la plus ancienne
}
mail-table-latest = Les { $shown } dernières inscriptions sur { $total }
mail-table-name = Nom
mail-table-name-status = { $name } – { $status }
mail-table-organization = Organisme
mail-table-country = Pays
mail-table-category = Catégorie
mail-table-when = Date
mail-table-times = Les heures sont celles du fuseau { $zone }.
mail-table-list = Ouvrir la liste de toutes les inscriptions

mail-confirmation-subject = [{ $event }] Votre inscription { $reference }
mail-confirmation-subject-waiting = [{ $event }] Vous êtes sur liste d’attente : { $reference }
mail-confirmation-lead-confirmed = Votre inscription à « { $event } » est confirmée
mail-confirmation-lead-waiting = Vous êtes sur la liste d’attente de « { $event } ». { $lack }
mail-confirmation-lead-received = Votre inscription à « { $event } »
mail-confirmation-subject-cancelled = [{ $event }] Votre inscription { $reference } est annulée
mail-confirmation-lead-cancelled = Votre inscription à « { $event } » est annulée
mail-confirmation-next-cancelled = Vous n’avez plus de place. Si vous ne vous y attendiez pas, écrivez aux organisateurs en indiquant votre référence.
mail-confirmation-attach = Envoyer un fichier plus tard
mail-confirmation-attach-lead = Avec ce lien privé, vous pouvez ajouter votre fichier ou remplacer celui que vous avez envoyé :
mail-confirmation-attach-open = Ajouter ou remplacer le fichier
mail-confirmation-attach-until = Le lien fonctionne jusqu’au { $date }. Quiconque le possède peut envoyer un fichier à votre place : ne le transmettez pas.
mail-confirmation-calendar = Ajouter les dates à votre calendrier
mail-confirmation-page = Page de l’événement
mail-confirmation-next = Et maintenant ?
mail-confirmation-next-confirmed = Vous avez une place. Conservez ce courriel et indiquez votre référence chaque fois que vous écrivez aux organisateurs.
mail-confirmation-next-waiting = Vous n’avez rien à faire. Les organisateurs écriront à cette adresse si une place se libère. Merci de ne pas réserver votre voyage avant.
mail-confirmation-next-received = Le statut ci-dessus est celui qui vaut actuellement. Indiquez votre référence chaque fois que vous écrivez aux organisateurs.
mail-confirmation-next-visa = Vous avez demandé une lettre d’invitation pour votre visa. Les organisateurs écriront à cette adresse à ce sujet.
mail-confirmation-chosen = Vos choix
mail-confirmation-chosen-hint = Seuls les choix et les dates sont repris ici. Ce que vous avez écrit vous-même est également parvenu aux organisateurs.
mail-confirmation-ask = À qui s’adresser
mail-confirmation-why = Vous recevez ce courriel parce que cette adresse a été saisie dans le formulaire d’inscription de « { $event } ». Si ce n’était pas vous, merci de prévenir les organisateurs.

mail-duplicate-subject = [{ $event }] Vous avez déjà une inscription : { $reference }
mail-duplicate-lead = Quelqu’un a fait une nouvelle inscription à « { $event } » avec cette adresse électronique
mail-duplicate-stands = C’était probablement vous. Chaque adresse ne peut s’inscrire qu’une fois : la première inscription, { $reference }, reste telle qu’elle était.
mail-duplicate-change = Pour modifier quelque chose ou inscrire une autre personne avec cette adresse, écrivez aux organisateurs en indiquant la référence.

mail-test-subject = Courriel d’essai de { $host }
mail-test-lead = Les courriels de { $host } arrivent
mail-test-body = Quelqu’un a envoyé ce courriel pour voir si les courriels des inscriptions arrivent. Il ne concerne aucune inscription et vous n’avez rien à faire.

# Every mail of a demo begins with it.
mail-demo = DEMO : ce courriel vient d’un essai. Il n’inscrit personne à une conférence.
