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
mail-organizer-from = Inscriptions { $event }
mail-organizer-lead = Nouvelle inscription à { $event } : { $name }
mail-organizer-lead-unnamed = Nouvelle inscription à { $event }
mail-organizer-waiting = Toutes les places sont prises : cette inscription est sur liste d’attente.
mail-organizer-open = Ouvrir l’inscription
mail-organizer-why = Vous recevez ce courriel parce que vous faites partie des organisateurs de { $event }. Votre réponse parviendra à la personne inscrite.
mail-organizer-private = Ces liens vous sont personnels et fonctionnent jusqu’au { $date }. Quiconque les possède peut lire les inscriptions : ne transférez pas ce courriel.

# Heading over answers that stand before the form’s first heading.
mail-answers = Réponses
mail-files = Fichiers
mail-files-hint = Les fichiers ne sont pas joints à ce courriel ; ouvrez-les depuis l’inscription.

mail-summary = Ensemble des inscriptions
mail-summary-total = Inscriptions
mail-summary-places = Places restantes
mail-summary-places-of = { $left } sur { $limit }
mail-summary-today = Aujourd’hui
mail-summary-week = 7 derniers jours
mail-summary-visa = Lettres pour visa à établir
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
mail-table-times = Les heures sont celles de { $zone }.
mail-table-list = Ouvrir la liste de toutes les inscriptions

mail-confirmation-subject = [{ $event }] Votre inscription { $reference }
mail-confirmation-subject-waiting = [{ $event }] Vous êtes sur liste d’attente : { $reference }
mail-confirmation-lead-confirmed = Vous êtes inscrit(e) à { $event }
mail-confirmation-lead-waiting = Vous êtes sur la liste d’attente de { $event }. Toutes les places sont prises pour le moment.
mail-confirmation-lead-received = Votre inscription à { $event }
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
mail-confirmation-why = Vous recevez ce courriel parce que cette adresse a été saisie dans le formulaire d’inscription de { $event }. Si ce n’était pas vous, merci de prévenir les organisateurs.
