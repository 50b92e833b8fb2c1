# shellcheck shell=bash
# The cluster's own authority and the certificates that it signs. Included by init.
#
# An authority's certificate must not be a server's as well: clients refuse it. So there is one authority, and a leaf for each server. A leaf's
# key stays when its certificate is renewed, so that key and certificate fit at any moment.

# What browsers see is renewed when it is good for less than this, and lasts 397 days, the most that they take.
renew_below=$((30 * 24 * 3600))
# What only the cluster's own parts see lasts ten years, and is renewed in the last two of them: nothing may stop because nobody ran `up`.
inner_days=3650
inner_renew_below=$((2 * 365 * 24 * 3600))

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256; }

make_authority() {
  keep ca.key new_key
  # Twenty years: it lies in this cluster only and everything that trusts it gets it from here.
  authority() {
    openssl req -x509 -new -key "$state/ca.key" -sha256 -days 7300 -subj "/O=Karibu/CN=Karibu cluster authority" \
      -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
  }
  keep ca.pem authority
}

# The subject alternative names of a certificate, by commas, in the order of the certificate.
names_of() { openssl x509 -in "$1" -noout -ext subjectAltName 2>/dev/null | tail -n +2 | tr -d ' \n' | sed 's/IPAddress:/IP:/g'; }

# good FILE NAMES SECONDS: whether a leaf is signed by our authority, good for so long, and for these names.
good() {
  [ -s "$1" ] && openssl verify -CAfile "$state/ca.pem" "$1" >/dev/null 2>&1 &&
    openssl x509 -in "$1" -noout -checkend "$3" >/dev/null &&
    [ "$(names_of "$1")" = "$2" ]
}

# make_leaf NAME SUBJECT-ALTERNATIVE-NAMES [DAYS SECONDS]: for so many days, renewed below so many seconds.
make_leaf() {
  local certificate=$state/$1.crt days=${3:-397} below=${4:-$renew_below} made
  keep "$1.key" new_key
  if ! good "$certificate" "$2" "$below"; then
    made=$(openssl x509 -req -in <(openssl req -new -key "$state/$1.key" -subj "/O=Karibu/CN=$1") \
      -CA "$state/ca.pem" -CAkey "$state/ca.key" -set_serial "0x$(openssl rand -hex 15)" -sha256 -days "$days" -extfile <(
        printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
        printf 'subjectAltName=%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' "$2"
      ) 2>/dev/null) || refuse "the certificate of $1 could not be made: the disk may be full"
    put "$certificate" 0600 0:0 <<<"$made"
  fi
}

# What nginx answers to: the public name and this machine's.
public_names() {
  local bare=${host#[} names=DNS:localhost,IP:127.0.0.1
  bare=${bare%]}
  case "$bare" in
    localhost | 127.0.0.1) ;;
    *:*) ;;
    *[!0-9.]*) names=DNS:$bare,$names ;;
    *) names=IP:$bare,$names ;;
  esac
  printf '%s' "$names"
}

# Sets fullchain and privkey: the own certificate, or the one that KARIBU_CERTIFICATE's folder holds.
choose_certificate() {
  fullchain=$state/nginx.crt privkey=$state/nginx.key
  case "${KARIBU_CERTIFICATE:-}" in
    '') return 0 ;;
    # nginx's own until the authority's comes.
    acme)
      [ "$local_host" = no ] || refuse "KARIBU_CERTIFICATE is acme, but KARIBU_PUBLIC_URL is this machine only: no authority certifies that name"
      [[ $host =~ ^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z0-9-]*[a-z][a-z0-9-]*$ ]] ||
        refuse "KARIBU_CERTIFICATE is acme, but KARIBU_PUBLIC_URL has no public name (it is $host): take such a name, or a folder with a certificate for it"
      return 0
      ;;
  esac
  local folder=/certificate file
  for file in fullchain.pem privkey.pem; do
    [ -f "$folder/$file" ] || refuse "KARIBU_CERTIFICATE names a folder without $file: it must hold fullchain.pem and privkey.pem (a link must not lead out of it)"
  done
  fullchain=$folder/fullchain.pem privkey=$folder/privkey.pem
  openssl x509 -in "$fullchain" -noout 2>/dev/null || refuse "KARIBU_CERTIFICATE: fullchain.pem is no certificate (PEM)"
  openssl pkey -in "$privkey" -passin pass: -noout 2>/dev/null || refuse "KARIBU_CERTIFICATE: privkey.pem is no private key (PEM without a password)"
  [ "$(openssl x509 -in "$fullchain" -noout -pubkey)" = "$(openssl pkey -in "$privkey" -passin pass: -pubout)" ] ||
    refuse "KARIBU_CERTIFICATE: privkey.pem is not the key of fullchain.pem: take both from the same folder"
  openssl x509 -in "$fullchain" -noout -checkend 0 >/dev/null ||
    refuse "KARIBU_CERTIFICATE: fullchain.pem is past its last day ($(openssl x509 -in "$fullchain" -noout -enddate | cut -d= -f2)): renew it"
  openssl x509 -in "$fullchain" -noout -checkend "$renew_below" >/dev/null ||
    warn "KARIBU_CERTIFICATE: fullchain.pem ends on $(openssl x509 -in "$fullchain" -noout -enddate | cut -d= -f2): renew it soon"
  openssl x509 -in "$fullchain" -noout -checkhost "$host" 2>/dev/null | grep -q 'does match' ||
    openssl x509 -in "$fullchain" -noout -checkip "$host" 2>/dev/null | grep -q 'does match' ||
    warn "KARIBU_CERTIFICATE: fullchain.pem is not for $host, the name in KARIBU_PUBLIC_URL: browsers will refuse it"
}
