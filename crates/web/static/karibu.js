// Comfort only: the form works without.
(() => {
  const form = document.querySelector('form');
  if (!form) return;
  const button = form.querySelector('button'), status = form.querySelector('[role=status]');
  const chosen = name => [...form.querySelectorAll(`[name="${name}"]`)]
    .filter(i => !i.disabled && (i.checked || i.matches('select'))).map(i => i.value);
  const apply = () => form.querySelectorAll('[data-if]').forEach(part => {
    const values = chosen(part.dataset.if);
    part.hidden = !part.dataset.in.split(' ').some(value => values.includes(value));
    for (const i of part.querySelectorAll('input,select,textarea')) i.disabled = part.hidden || 'full' in i.dataset;
  });
  let timer;
  const rest = () => {
    timer = clearTimeout(timer);
    button.removeAttribute('aria-disabled');
    status.textContent = '';
  };
  form.addEventListener('change', ({ target: i }) => {
    apply();
    if (!i.files) return;
    i.setCustomValidity(i.files[0]?.size > i.dataset.max ? i.dataset.big : '');
    i.reportValidity();
  });
  form.addEventListener('submit', e => {
    const big = [...form.elements].find(i => i.validity.customError && !i.disabled);
    big?.reportValidity();
    if (timer || big) return e.preventDefault();
    button.setAttribute('aria-disabled', true);
    status.textContent = form.dataset.sending;
    timer = setTimeout(rest, 30000);
  });
  addEventListener('pageshow', () => { rest(); apply(); });
  form.classList.add('js');
  apply();
})();
