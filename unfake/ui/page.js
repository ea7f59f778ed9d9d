// What the page does by itself: addresses, focus, what the browser keeps, pasted files. Loaded once, before all else.
window.unfake = (() => {
  const [LIMIT, TOGETHER, FILES] = ['limit', 'together', 'files'] // bytes of a file, of all at once, and how many
    .map((name) => Number(document.currentScript?.dataset[name]) || Infinity);
  const KEY = 'unfake-key', THUMBS = 'unfake-thumbs', LAST = 'unfake-last', MOST_THUMBS = 100, THUMB = 96; // px
  const scrolls = {}, chosen = {}; // of each place: how far down it was, and the photo that led away from it
  const last = {search: '?tab=search', details: '?tab=details', classify: '?tab=classify'};
  const unseen = new Set(); // tabs whose last place is known from before this page was loaded, and is not shown yet
  const $ = (selector) => document.querySelector(selector);
  const seen = (element) => element && element.offsetParent !== null;

  // Storage that may not be there: in a frame of another site reading it raises an error.
  const kept = (name, where = 'localStorage') => { try { return window[where].getItem(name); } catch { return null; } };
  const keep = (name, value, where = 'localStorage') => { try { window[where].setItem(name, value); return true; } catch { return false; } };

  // The visitor's own key, and whether the browser can keep it.
  function key() {
    const known = kept(KEY);
    if (known) return [known, true];
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    const fresh = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_');
    return [fresh, keep(KEY, fresh)];
  }

  // Addresses. Whatever leads anywhere changes the address first; what arrives there asks the server for it.
  const where = () => window.location.search || '?';
  function tabOf(search) {
    const given = new URLSearchParams(search);
    if (given.get('photo')) return 'details';
    if (given.has('q')) return 'search';
    if (given.has('address')) return 'classify';
    return given.get('tab') || 'home';
  }
  function push(href) {
    scrolls[where()] = window.scrollY;
    if (href !== where()) history.pushState(null, '', href);
    note();
  }
  function note() {
    const tab = tabOf(where());
    if (!(tab in last) || where().startsWith('?tab=')) return;
    last[tab] = where();
    unseen.delete(tab);
    keep(LAST, JSON.stringify({search: last.search, details: last.details}), 'sessionStorage');
  }
  // The last search and the last photo of this tab of the browser outlive a reload.
  function recall() {
    let found = {};
    try { found = JSON.parse(kept(LAST, 'sessionStorage')) || {}; } catch { return; } // begun anew
    for (const tab of ['search', 'details']) {
      if (tabOf(String(found[tab])) !== tab || found[tab].startsWith('?tab=')) continue;
      last[tab] = found[tab];
      unseen.add(tab);
    }
  }
  recall();
  note();
  let trigger = () => {}, again = null;
  function arrive() { again = null; note(); trigger(); }
  function go(href) { push(href); delete scrolls[href]; arrive(); }
  function to(tab) { go(last[tab]); }
  function search(words, shape, colour, order) {
    const given = new URLSearchParams({q: words || ''});
    for (const [name, value] of Object.entries({shape, colour, order})) if (value) given.set(name, value);
    go('?' + given);
    return [words, shape, colour, order];
  }
  function address(given) { refusing = null; go('?' + new URLSearchParams({address: given.trim()})); return [given]; }
  // A file was brought: what is answered now is no address any more.
  function own() {
    last.classify = '?tab=classify';
    if (tabOf(where()) === 'classify') push(last.classify);
    const field = $('#address textarea, #address input');
    if (!field?.value) return;
    field.value = '';
    field.dispatchEvent(new Event('input', {bubbles: true}));
  }
  // A tab that was chosen by hand stands in the address as well, with what is open on it. Gradio tells of others alike.
  let byHand = false;
  for (const kind of ['click', 'keydown']) {
    document.addEventListener(kind, (event) => { if (event.target.closest?.('[role=tab], .overflow-dropdown')) byHand = true; }, true);
  }
  function at(tab) {
    if (byHand && tabOf(where()) !== tab) {
      const known = unseen.has(tab);
      push(last[tab] || (tab === 'home' ? '?' : '?tab=' + tab));
      if (known) arrive();
    }
    byHand = false;
  }

  // Two answers can come in the wrong order. Where the last one shows another place than the address names, that place
  // is asked for once more; where it can't be had, the page says why and stays.
  function settled(arrived) {
    if (arrived !== where() && again !== where()) { again = where(); trigger(); return []; }
    // The answer on an address may stand below what it was asked with.
    settle(where().startsWith('?address=') && !(where() in scrolls) ? '#verdict' : undefined);
    return [];
  }

  // After an answer: bring it into sight, move the focus to its heading, name the page after it, and keep its thumbnail.
  // The page may still be drawn when the answer is there, so what is to be shown is waited for, two seconds at most.
  function settle(selector) {
    const name = tabOf(where()), back = selector ? undefined : scrolls[where()], until = performance.now() + 2000;
    const drawn = () => seen($('#place-' + name)) && (back === undefined || document.documentElement.scrollHeight >= back + window.innerHeight);
    const then = () => {
      if (!drawn() && performance.now() < until) { requestAnimationFrame(then); return; }
      thumbs();
      fill();
      const within = $(selector || '#place-' + name);
      const headings = within ? [...within.querySelectorAll('[data-heading], h2[tabindex], h3[tabindex], [role=alert], .uf-empty')] : [];
      const left = back !== undefined && name === 'search' && $(`#gallery [data-photo="${CSS.escape(chosen[where()] || '')}"]`);
      const first = (kind) => headings.find((each) => seen(each) && each.matches(kind));
      const answered = selector || !/^\?(tab=|$)/.test(where()); // and not just a tab, whose title comes first
      const heading = first('.uf-error') || first('[data-heading]') || (answered && first('.uf-empty')) || first('h2, h3') || first('*');
      if (back !== undefined) window.scrollTo(0, back);
      if (!heading) return;
      focus(left || heading); // back where one was, or at what is new
      const behavior = still() ? 'auto' : 'smooth';
      if (within.id === 'question') $('#anyway')?.scrollIntoView({behavior, block: 'end'});
      else if (selector) (heading.closest('article, section, .uf') || heading).scrollIntoView({behavior, block: 'nearest'});
      else if (back === undefined) window.scrollTo(0, 0);
      document.title = name === 'home' ? 'UnFake' : (heading.querySelector('b') || heading).textContent.trim().slice(0, 80) + ' · UnFake';
    };
    requestAnimationFrame(() => requestAnimationFrame(then));
  }
  function focus(element) {
    const found = typeof element === 'string' ? $(element) : element;
    if (!found) return;
    if (!found.matches('a, button, input, [tabindex]')) found.setAttribute('tabindex', '-1');
    found.focus({preventScroll: true});
  }
  const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

  // Thumbnails for the History, kept here and nowhere else, with the way back to the photo.
  function thumbs() {
    for (const card of document.querySelectorAll(':is(.uf-verdict, .uf-taken, .uf-tile, .uf-sortable tr)[data-sha256]')) {
      const image = card.querySelector('img'), photo = card.dataset.of || null;
      if (card.dataset.noted || !(image || card.dataset.thumb)) continue;
      card.dataset.noted = 'yes';
      const title = card.dataset.title || (photo && $('#details h2')?.textContent);
      const note = (src) => {
        const all = thumbnails(), sha = card.dataset.sha256;
        delete all[sha];
        all[sha] = {src, photo, title};
        const names = Object.keys(all);
        for (const name of names.slice(0, Math.max(0, names.length - MOST_THUMBS))) delete all[name];
        keep(THUMBS, JSON.stringify(all));
      };
      if (!image?.src.startsWith('data:')) { note(image?.getAttribute('src') || card.dataset.thumb); continue; }
      image.decode().then(() => {
        const scale = THUMB / Math.max(image.naturalWidth, image.naturalHeight);
        const canvas = document.createElement('canvas');
        canvas.width = Math.max(1, image.naturalWidth * scale);
        canvas.height = Math.max(1, image.naturalHeight * scale);
        canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
        note(canvas.toDataURL('image/jpeg', 0.7));
      }).catch(() => {});
    }
  }
  function thumbnails() {
    try { return JSON.parse(kept(THUMBS)) || {}; } catch { return {}; } // begun anew
  }
  function fill() {
    for (const table of document.querySelectorAll('#about table')) table.tabIndex = 0; // a wide one scrolls by keyboard
    const all = thumbnails();
    for (const row of document.querySelectorAll('#history tr[data-sha256]')) {
      const known = all[row.dataset.sha256], place = row.querySelector('.uf-thumb');
      if (!known || !place || place.firstChild) continue;
      const image = document.createElement('img');
      image.alt = '';
      image.src = known.src;
      place.append(image);
      if (!known.photo) continue;
      const name = row.querySelector('.uf-name'), link = document.createElement('a');
      link.href = '?photo=' + encodeURIComponent(known.photo);
      link.dataset.go = '';
      link.textContent = known.title || name.textContent;
      name.replaceChildren(link);
    }
  }

  // After "Load more": on to the first photo that is new, which stands where the button was.
  const photos = () => [...document.querySelectorAll('#gallery [data-photo]')];
  let before = 0;
  document.addEventListener('click', (event) => { if (event.target.closest?.('#more')) before = photos().length; }, true);
  function more() { requestAnimationFrame(() => photos()[before]?.focus({preventScroll: true})); }

  // The download that an answer offers starts once.
  function download() {
    const link = $('#download a.uf-start:not([data-started])');
    if (!link) return;
    link.dataset.started = 'yes';
    link.click();
  }

  // Files that the server would refuse unseen are refused here, in a sentence, in place of the old answer.
  function refusal(files) {
    const megabytes = (bytes) => Math.round(bytes / 1048576) + ' MB', big = files.find((file) => file.size > LIMIT);
    if (big) return `${big.name} is too large: the limit is ${megabytes(LIMIT)}.`;
    if (files.length > FILES) return `These are ${files.length} files: the limit is ${FILES} at once.`;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    return size > TOGETHER ? `These files are too large together: the limit is ${megabytes(TOGETHER)}.` : '';
  }
  let refusing = null;
  function refuse() {
    ($('#verdict .prose') || $('#verdict')).replaceChildren(refusing);
    focus(refusing);
    refusing.scrollIntoView({behavior: still() ? 'auto' : 'smooth', block: 'nearest'});
  }
  // The answer on what was brought is there; where files were refused since, it comes too late.
  function answered() { refusing ? refuse() : settle('#verdict'); }
  function refused(files) {
    const why = refusal([...files]);
    refusing = null;
    if (!why) return false;
    waiting = null;
    const said = document.createElement('div'), title = document.createElement('b');
    said.className = 'uf uf-empty uf-error';
    said.setAttribute('role', 'alert');
    title.textContent = 'Not classified';
    said.append(title, why);
    refusing = said;
    own();
    refuse();
    return true;
  }
  // Gradio's field would mix up files that come while it still sends others, so it gets the latest ones once those are
  // handed on: see `taken`, or where they cannot be sent, a while after its zone is there again.
  const zone = () => $('#picture [aria-dropeffect]'), GIVEN_UP = 2000; // ms
  let sending = null, waiting = null;
  function send(old) {
    const sent = sending = {};
    once(() => !old.isConnected, () => once(zone, () => setTimeout(() => { if (sending === sent) taken(); }, GIVEN_UP)));
  }
  function taken() {
    sending = null;
    if (waiting) bring(waiting);
  }
  function bring(files) {
    waiting = files;
    if (sending) return;
    once(zone, () => {
      const input = $('#picture input[type=file]'), transfer = new DataTransfer();
      if (waiting !== files || sending || !input) return;
      for (const file of files) transfer.items.add(file);
      waiting = null;
      input.files = transfer.files;
      input.dispatchEvent(new Event('change', {bubbles: true}));
    });
  }
  function guard(event, files) {
    if (!files.length) return;
    const old = zone(), usable = old && event.target.isConnected && !sending;
    if (!refused(files)) {
      if (usable) { send(old); return; }
      bring(files);
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  document.addEventListener('drop', (event) => {
    if (event.target.closest?.('#picture')) guard(event, [...event.dataTransfer?.files || []]);
  }, true);
  // Gradio makes its input anew now and then, and what is chosen with an old one counts as well.
  const guarded = new WeakSet();
  new MutationObserver(() => {
    const input = $('#picture input[type=file]');
    if (!input || guarded.has(input)) return;
    guarded.add(input);
    input.addEventListener('change', (event) => guard(event, [...input.files]), true);
  }).observe(document, {childList: true, subtree: true});
  document.addEventListener('paste', (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length || !seen($('#picture'))) return;
    event.preventDefault();
    if (!refused(files)) bring([...files]);
  });

  document.addEventListener('click', (event) => {
    const sorter = event.target.closest?.('.uf-sortable th button');
    if (sorter) sort(sorter.closest('th'));
    const field = event.target.closest?.('a[href="#picture"]'), picked = event.target.closest?.('#game [data-pick]');
    if (field) { event.preventDefault(); zone()?.click(); }
    if (picked) once(() => !picked.isConnected, () => focus($('#game [role=status]') || $('#game h3')));
    const link = event.target.closest?.('a[data-go]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window, as the visitor wants
    event.preventDefault();
    if (link.dataset.photo) chosen[where()] = link.dataset.photo;
    go(last[link.dataset.go] || link.getAttribute('href'));
  });
  // Once something holds of what is drawn, on to what follows from it.
  function once(holds, then) {
    if (holds()) { then(); return; }
    const watching = new MutationObserver(() => { if (holds()) { watching.disconnect(); then(); } });
    watching.observe(document.body, {childList: true, subtree: true});
  }
  function sort(head) {
    const column = head.cellIndex, body = head.closest('table').tBodies[0], up = head.ariaSort !== 'ascending';
    for (const other of head.parentElement.cells) if (other.ariaSort) other.ariaSort = 'none';
    head.ariaSort = up ? 'ascending' : 'descending';
    const value = (row) => row.cells[column]?.dataset.value ?? row.cells[column]?.textContent ?? '';
    const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * value(a).localeCompare(value(b), undefined, {numeric: true}));
    body.append(...rows);
  }
  // Arrow keys move between the pictures of the gallery, and between the tabs, which they open (ARIA APG, "Tabs").
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const tab = event.target.closest?.('[role=tab]'), photo = event.target.closest?.('#gallery [data-photo]');
    const all = tab ? [...tab.parentElement.querySelectorAll('[role=tab]')].filter(seen) : photo ? photos() : [];
    const at = all.indexOf(tab || photo), to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: tab && 0, End: tab && all.length - 1}[event.key];
    const next = tab ? all.at(to % all.length) : all[to];
    if (at < 0 || !Number.isInteger(to) || !next) return;
    event.preventDefault();
    next.focus();
    if (tab) next.click();
  });
  window.addEventListener('popstate', arrive);
  history.scrollRestoration = 'manual';
  return {key, where, go, to, search, address, own, at, focus, answered, taken, settle, settled, thumbs, fill, more, download, ready: (call) => { trigger = call; }};
})();
