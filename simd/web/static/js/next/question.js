// What is asked for, as the address says it. What was skipped is no part of it: see skipped.js.

/** How suggestions are chosen: the wire's word, a name, and what it does in a sentence. */
export const STRATEGIES = [
  ['coverage', 'Coverage', 'Pictures that stand for most of what no label stands for yet. The best choice to begin with.'],
  ['uncertain', 'Uncertain', 'As coverage, of pictures that lie between different labels. It needs at least two labels.'],
  ['diverse', 'Diverse', 'Pictures that are farthest from all that are labelled or suggested.'],
  ['outliers', 'Outliers', 'Pictures that are alone: oddities, and mistakes of the camera.'],
  ['random', 'Random', 'Any pictures, for a fair sample, such as to measure a classifier with.'],
];
export const LIMITS = [10, 20, 50, 100, 200, 500];
const USUAL = 50;
const MOST = 1000;

/** @typedef {{strategy: string, limit: number, under: string}} Question */

/** @returns {Question} */
export function read(parameters) {
  const strategy = parameters.get('strategy');
  const limit = Number.parseInt(parameters.get('limit'), 10);
  const under = parameters.get('under') ?? '';
  return {
    strategy: STRATEGIES.some(([name]) => name === strategy) ? strategy : STRATEGIES[0][0],
    limit: limit > 0 ? Math.min(limit, MOST) : USUAL,
    under: under.startsWith('/') ? under : '',
  };
}

/** The address of a question. */
export function address({strategy, limit, under}) {
  const parameters = new URLSearchParams();
  if (strategy !== STRATEGIES[0][0]) parameters.set('strategy', strategy);
  if (limit !== USUAL) parameters.set('limit', String(limit));
  if (under) parameters.set('under', under);
  return parameters.size ? `/next?${parameters}` : '/next';
}
