// How the daemon is in a few words: in the bar at all times, and in a banner when it is away.
import {fill, h, prose, toast} from '../common/dom.js';
import {count, duration, plural} from '../common/format.js';

/** Keep the words in the bar and the banner up to date. */
export function showPulse(live) {
  const pulse = document.getElementById('pulse');
  const banner = document.getElementById('banner');
  let away = false;
  live.subscribe(({status, trouble}) => {
    const [short, more] = words(status, trouble);
    pulse.classList.toggle('bad', trouble !== null || Boolean(status?.problems.length));
    fill(pulse, h('span', {}, short), more && h('span', {class: 'longer'}, more));
    const said = trouble ? `${sentence(trouble.message)} It is tried again by itself.` : '';
    if (banner.dataset.said !== said) fill(banner, said && h('p', {}, prose(said)));
    banner.dataset.said = said;
    if (away && !trouble) toast('The daemon answers again.');
    away = trouble !== null;
  });
}

/** What goes on: the short words, and those that there is room for on a wide screen. */
function words(status, trouble) {
  if (trouble) return ['no daemon', null];
  if (!status) return ['', null];
  if (!status.ready && status.problems.length) return ['damaged', null];
  if (!status.ready) return ['starting', status.detail && `: ${status.detail}`];
  if (!status.pending) return [plural(status.images, 'picture'), null];
  const left = status.paused ? ', paused' : status.eta_s === null ? '' : `, ${duration(status.eta_s)} left`;
  return [`${count(status.pending)} to go${left}`, `; ${count(status.images)} can be searched`];
}

const sentence = (text) => {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
};
