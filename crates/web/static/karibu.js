// Comfort only: the form works without. It never asks `form.action` or `form.elements`: a field may be called so.
(() => {
  const form = document.querySelector('form[enctype]'), summary = document.querySelector('#error-title');
  const all = css => [...form.querySelectorAll(css)];
  const [status] = form ? all('.send [role=status]') : [];
  if (!status) return;
  const [button, stop] = all('.send button'), [bar] = all('progress'), texts = status.dataset;
  const action = new URL(form.getAttribute('action'), location).href;
  let sending, unsent = !!summary;

  // Fields that do not apply.
  const chosen = name => all(`[name="${name}"]`)
    .filter(i => !i.disabled && (i.checked || i.matches('select'))).map(i => i.value);
  const apply = () => all('[data-if]').forEach(part => {
    const values = chosen(part.dataset.if);
    part.hidden = !part.dataset.in.split(' ').some(value => values.includes(value));
    for (const i of part.querySelectorAll('input,select,textarea')) i.disabled = part.hidden || 'full' in i.dataset;
  });

  // A draft on the device: never files, nor what the server marks as private. Without storage there is none.
  let keep, forget = () => {}, save = forget;
  try {
    const [draft] = all('#the-draft'), [drop] = draft.querySelectorAll('button'), store = localStorage;
    const name = 'karibu:' + location.pathname, box = i => /radio|checkbox/.test(i.type);
    const inputs = all('input,select,textarea')
      .filter(i => i.name && !/hidden|file/.test(i.type) && !i.closest('[data-private]'));
    for (const key of Object.keys(store)) {
      // Seven days, by the time at its beginning.
      if (key.startsWith('karibu:') && !(store[key].slice(1, 14) > Date.now() - 6048e5)) store.removeItem(key);
    }
    const old = store[name];
    [keep] = draft.querySelectorAll('input');
    forget = () => {
      store.removeItem(name);
      keep.checked = !(drop.hidden = true);
    };
    save = () => {
      if (!keep.checked) return forget();
      try {
        store[name] = JSON.stringify([Date.now(), inputs.filter(i => !box(i) || i.checked).map(i => [i.name, i.value])]);
        drop.hidden = false;
      } catch { forget(); }
    };
    drop.onclick = () => {
      forget();
      status.textContent = texts.gone;
    };
    keep.checked = !(drop.hidden = !old);
    draft.hidden = false;
    if (old && !summary) {
      const values = JSON.parse(old)[1];
      for (const i of inputs) {
        const mine = values.filter(v => v[0] == i.name).map(v => v[1]);
        if (box(i)) i.checked = mine.includes(i.value);
        else if (mine[0]) [i.value] = mine;
      }
      status.textContent = texts.back;
    }
  } catch {}

  form.addEventListener('input', ({ target: i }) => {
    unsent ||= i != keep;
    save();
  });
  form.addEventListener('change', ({ target: i }) => {
    apply();
    if (!i.files) return;
    i.setCustomValidity(i.files[0]?.size > i.dataset.max ? i.dataset.big : '');
    i.reportValidity();
  });

  // Sending, with progress.
  const rest = text => {
    if (document.activeElement == stop) button.focus();
    sending = 0;
    bar.hidden = stop.hidden = true;
    button.removeAttribute('aria-disabled');
    status.textContent = text;
  };
  const part = share => {
    const text = texts.sending.replace('#', Math.floor(share * 10) * 10);
    bar.value = share;
    // Told aloud: not more often than it says something new.
    if (status.textContent != text) status.textContent = text;
  };
  form.addEventListener('submit', e => {
    // A change of the language is a page of its own, with what was typed.
    if (e.submitter?.hasAttribute('formaction')) return unsent = false;
    e.preventDefault();
    const big = all('input').find(i => i.validity.customError && !i.disabled);
    big?.reportValidity();
    if (sending || big) return;
    const x = sending = new XMLHttpRequest();
    x.open('POST', action);
    x.upload.onprogress = e => part(e.loaded / e.total);
    x.onerror = x.onabort = () => rest(texts.lost);
    x.onload = () => {
      const page = x.responseText, main = new DOMParser().parseFromString(page, 'text/html').querySelector('main');
      if (!main) return rest(texts.lost);
      if (x.responseURL != action) {
        unsent = false;
        forget();
        location = x.responseURL;
      } else if (main.querySelector('form')) {
        document.open();
        document.write(page);
        document.close();
      } else {
        rest('');
        status.append(...main.childNodes);
      }
    };
    x.send(new FormData(form));
    bar.hidden = stop.hidden = false;
    button.setAttribute('aria-disabled', true);
    part(0);
  });
  stop.onclick = () => sending.abort();
  addEventListener('beforeunload', e => {
    if (unsent) e.returnValue = e.preventDefault() || 1;
  });
  addEventListener('pageshow', e => {
    if (e.persisted) rest('');
    apply();
  });
  form.classList.add('js');
  apply();
  summary?.focus();
})();
