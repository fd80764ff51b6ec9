// The view of status: how the daemon is, as it changes.
import {fill, h, say} from '../common/dom.js';
import {firstSteps} from '../common/first.js';
import {Facts} from '../status/facts.js';
import {Failures} from '../status/failures.js';
import {Progress} from '../status/progress.js';
import {Roots} from '../status/roots.js';

const AGAIN_MS = 10_000;

export function mount(root, {live}) {
  const [progress, roots, failures, facts] = [new Progress(), new Roots(), new Failures(), new Facts()];
  const parts = [progress, roots, failures, facts];
  const notices = h('div', {class: 'notices'});
  const unknown = h('p', {class: 'muted'});
  const body = h('div', {class: 'status-view', hidden: true}, notices, progress.element, h('div', {class: 'columns'},
    h('div', {class: 'column'}, roots.element, failures.element), facts.element));
  let first = null;
  root.append(h('h1', {}, 'Status'), unknown, body);

  function show({status, trouble}) {
    say(unknown, status ? '' : trouble ? 'Nothing is known of the daemon yet.' : '');
    body.hidden = !status;
    if (!status) return;
    body.classList.toggle('stale', trouble !== null);
    const step = status.images === 0 ? firstSteps(status, first) : null;
    const said = [...status.problems, ...bugs(status)];
    if (step !== first || notices.dataset.said !== said.join('\n')) {
      fill(notices, said.map((text) => h('p', {class: 'notice bad'}, text)), step);
      notices.dataset.said = said.join('\n');
      first = step;
    }
    for (const part of parts) part.show(status);
  }

  const leave = live.subscribe(show);
  // Times are told as how long ago they were.
  const timer = setInterval(() => show(live.current), AGAIN_MS);
  return {
    update() {},
    unmount() {
      leave();
      clearInterval(timer);
      parts.forEach((part) => part.unmount?.());
    },
  };
}

function bugs({thread_failures: failures}) {
  const names = Object.keys(failures);
  if (names.length === 0) return [];
  return [`Parts of the daemon failed and went on (${names.join(', ')}): a fault in simd; its log has more.`];
}
