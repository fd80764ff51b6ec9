// The shell: the views, the bar above them, and the keys that work everywhere.
import {ApiError} from './common/api.js';
import {isTyping, toast} from './common/dom.js';
import {showHelp} from './shell/help.js';
import {Intake} from './shell/intake.js';
import {Live} from './shell/live.js';
import {showPulse} from './shell/pulse.js';
import {Router} from './shell/router.js';
import {offerLeaving} from './shell/session.js';
import {Uploads} from './shell/uploads.js';
import {about, address, read} from './search/question.js';

const VIEWS = {
  '/': {title: 'Search', load: () => import('./views/search.js')},
  '/duplicates': {title: 'Duplicates', load: () => import('./views/duplicates.js')},
  '/map': {title: 'Map', load: () => import('./views/map.js')},
  '/next': {title: 'Label next', load: () => import('./views/next.js')},
  '/status': {title: 'Status', load: () => import('./views/status.js')},
};
/** What leads where after `g`. */
const PLACES = {s: '/', d: '/duplicates', m: '/map', n: '/next', t: '/status'};
const WITHIN_MS = 1500;

const live = new Live();
const uploads = new Uploads();
// Wherever somebody is, a picture that is given is searched by.
const intake = new Intake({
  blob: (blob, name) => searchBy({upload: uploads.add(blob, name)}),
  image: (image) => searchBy({image}),
});
const router = new Router(document.getElementById('main'), VIEWS, {live, intake, uploads});
const help = () => showHelp(VIEWS[location.pathname]?.title ?? VIEWS['/'].title, router.keys);
let goingSince = -Infinity;

/** Search by another picture; what else is asked for stays, where it was a search before. */
function searchBy(picture) {
  const asked = location.pathname === '/' ? location.search : '';
  router.navigate(address(about(read(new URLSearchParams(asked)), picture)));
}

/** Before the views hear of a key: what follows `g` is not for them. */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector('dialog[open]')) return;
  const place = event.timeStamp - goingSince < WITHIN_MS ? PLACES[event.key] : event.key === '/' ? '/' : undefined;
  goingSince = event.key === 'g' ? event.timeStamp : -Infinity;
  if (event.key === '?') help();
  else if (place) router.navigate(place);
  else if (event.key !== 'g') return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-link]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  router.navigate(link.href);
});
document.getElementById('keys').addEventListener('click', help);
window.addEventListener('keydown', onKey, {capture: true});
window.addEventListener('unhandledrejection', (event) => {
  // The message of a call that failed is for people; anything else is a fault that the console tells.
  toast(event.reason instanceof ApiError ? event.reason.message : 'Something in the page went wrong. Load it again.');
  if (event.reason instanceof ApiError) event.preventDefault();
});
live.start();
showPulse(live);
offerLeaving(document.getElementById('leave'));
router.show();
