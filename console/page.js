/** Keeps an open page current: takes the parts that changed from the server's events, and lets times run. */

const TICK_MS = 1_000;
const main = document.querySelector('main');
const live = document.getElementById('live');

/** As the server says durations. */
function formatDuration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const pair = (value, unit, rest, restUnit) => `${value} ${unit}${rest === 0 ? '' : ` ${rest} ${restUnit}`}`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return pair(Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'min');
  return pair(Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h');
}

/** In its largest unit. */
function formatAge(ms) {
  const unit = [86_400_000, 3_600_000, 60_000, 1_000].find((candidate) => ms >= candidate) ?? 1_000;
  return `${formatDuration(Math.floor(Math.max(0, ms) / unit) * unit)} ago`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll('[data-since]')) {
    write(element, formatDuration(now - Date.parse(element.dataset.since)));
  }
  for (const element of document.querySelectorAll('[data-ago]')) {
    write(element, formatAge(now - Date.parse(element.dataset.ago)));
  }
}

function addCopyButtons(root) {
  if (navigator.clipboard === undefined) return;
  for (const code of root.querySelectorAll('[data-copy]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy: ${code.textContent}`);
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
      setTimeout(() => write(button, 'Copy'), 2_000);
    });
    code.after(button);
  }
}

/** What the server sent last for each part: the part itself has buttons and times of this script in it. */
const shown = new Map();

function update({ title, regions }) {
  if (document.title !== title) document.title = title;
  for (const [id, markup] of Object.entries(regions)) {
    const region = document.getElementById(id);
    if (region === null || shown.get(id) === markup) continue;
    shown.set(id, markup);
    const reachable = [...region.querySelectorAll('a, button')];
    const focused = reachable.indexOf(document.activeElement);
    region.innerHTML = markup;
    addCopyButtons(region);
    if (focused !== -1) region.querySelectorAll('a, button')[focused]?.focus();
  }
  tick();
}

function say(state, text) {
  if (live === null) return;
  live.dataset.state = state;
  write(live, text);
}

let source;

function listen() {
  const address = main?.dataset.events;
  if (address === undefined || source !== undefined) return;
  source = new EventSource(address);
  source.addEventListener('open', () => say('on', 'live'));
  source.addEventListener('page', (event) => update(JSON.parse(event.data)));
  source.addEventListener('end', () => {
    close();
    delete main.dataset.events;
    say('off', '');
  });
  source.addEventListener('error', () => say('lost', 'reconnecting'));
}

function close() {
  source?.close();
  source = undefined;
}

// A page that nobody sees asks for nothing.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) close();
  else listen();
});

addCopyButtons(document);
tick();
setInterval(tick, TICK_MS);
listen();
