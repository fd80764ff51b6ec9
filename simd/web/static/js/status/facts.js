// What answers: model, device, index and version; and long work beside the indexing.
import {fill, h, say} from '../common/dom.js';
import {bytes, count, date, duration, plural} from '../common/format.js';

const ROWS = {
  model: ['Model', ({model}) => `${model.name}${levels(model.levels)}`],
  device: ['Runs on', ({device}) => `${deviceName(device.device)}, ${device.engine}${why(device)}`],
  index: ['Index', ({index}) => `${plural(index.vectors, 'picture')}, ${size(index)} on disk${dead(index)}`],
  replica: ['Replica', ({replica}) => replica ? shared(replica) : ''],
  version: ['Version', ({version}) => `simd ${version}`],
};
/** Long work, by the name of its job. */
const JOBS = {
  pairs: 'Looking for copies',
  features: 'Noting details by which copies are told',
  verify: 'Checking the index',
};

export class Facts {
  #values = Object.fromEntries(Object.keys(ROWS).map((name) => [name, h('dd')]));
  #age = h('dd');
  #told = null;
  #since = 0;
  #jobs = h('ul', {class: 'jobs'});

  element = h('section', {class: 'card facts', 'aria-labelledby': 'facts-title'},
    h('h2', {id: 'facts-title'}, 'The daemon'),
    this.#jobs,
    h('dl', {}, Object.entries(ROWS).map(([name, [title]]) => h('div', {}, h('dt', {}, title), this.#values[name])),
      h('div', {}, h('dt', {}, 'Running for'), this.#age)),
  );

  show(status) {
    this.element.hidden = !status.ready && !status.problems.length;
    for (const [name, [, words]] of Object.entries(ROWS)) {
      const said = words(status);
      say(this.#values[name], said);
      this.#values[name].parentElement.hidden = !said;
    }
    this.#values.replica.classList.toggle('bad', ['down', 'refused'].includes(status.replica?.state));
    const now = Date.now() / 1000;
    // A status that is shown again is as old as it is.
    if (this.#told !== status) [this.#told, this.#since] = [status, now - status.uptime_s];
    say(this.#age, duration(now - this.#since));
    this.#age.title = `since ${date(this.#since)}`;
    this.#jobs.hidden = !status.jobs.length && !status.model_switch;
    fill(this.#jobs, status.model_switch && modelSwitch(status.model_switch), status.jobs.map(job));
  }
}

const percentage = (share) => `${+(100 * share).toFixed(1)} %`;
const LEVELS = {same: 'the same picture', near: 'nearly', similar: 'similar'};
const levels = (of) => of
  ? `; ${Object.entries(LEVELS).map(([name, words]) => `${words} from ${percentage(of[name])}`).join(', ')}` : '';
const size = (index) => bytes(Number(index.disk_bytes));
const deviceName = (device) => ({cpu: 'the CPU', gpu: 'the GPU'})[device] ?? device;
const why = ({device, reason}) => {
  const said = reason.startsWith(`${device}: `) ? reason.slice(device.length + 2) : reason;
  return said && ` (${said})`;
};
const SHARED = {
  current: 'up to date',
  behind: 'being brought up to date',
  down: 'cannot be reached',
  refused: 'refuses this daemon',
  dropped: 'nothing is published',
};
function shared({address, host, state, detail, outbox, images, images_of_all: all}) {
  const waits = outbox ? `, ${count(outbox)} to go` : '';
  const why = detail && `: ${detail}`;
  return `${SHARED[state] ?? state}${why}; ${host} in ${address}, ${count(images)} of ${plural(all, 'picture')}${waits}`;
}
const dead = ({dead: number}) => number ? `, ${count(number)} that are gone` : '';

function job({name, done, total, unit}) {
  const told = unit === 'bytes' ? bytes : (number) => `${count(number)} ${unit}`;
  return h('li', {},
    h('span', {}, JOBS[name] ?? name),
    total > 0 && h('progress', {max: total, value: done, 'aria-label': JOBS[name] ?? name}),
    h('span', {class: 'muted'}, total > 0 ? `${count(100 * done / total)} % of ${told(total)}` : told(done)),
  );
}

function modelSwitch({from_model: from, to_model: to, done, total, unreachable, detail}) {
  const away = unreachable ? `; ${plural(unreachable, 'picture')} cannot be read now` : '';
  return h('li', {},
    h('span', {}, `From the model ${from} to ${to}`),
    h('progress', {max: Math.max(total, 1), value: done, 'aria-label': 'Pictures in the new index'}),
    h('span', {class: 'muted'}, `${count(done)} of ${plural(total, 'picture')}${away}${detail && `; ${detail}`}`),
  );
}
