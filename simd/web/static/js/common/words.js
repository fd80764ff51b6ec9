// Words for how alike pictures are.

/** From the most alike on: how sections of answers are called, and what their level means. */
export const LEVELS = [
  {level: 'same', title: 'Looks the same', hint: 'copies, or nearly so'},
  {level: 'near', title: 'Nearly the same', hint: 'edited copies, or close relatives'},
  {level: 'similar', title: 'Similar', hint: 'much in common'},
  {level: null, title: 'Less alike', hint: 'hardly ever copies'},
];

const TIERS = {
  exact: 'the same file', pixels: 'the same pixels', near: 'edited copy',
  similar: 'looks alike', different: 'another picture',
};
const WORDS = {same: 'looks the same', near: 'nearly the same', similar: 'similar'};

/** What is known of a match, in a word; empty where nothing is. A tier or a verdict says more than a level. */
export function wordOf({tier, level, verified, verdict}) {
  const isVerified = verified === true || verdict?.same === true;
  return TIERS[tier] ?? (isVerified ? TIERS.near : WORDS[level] ?? '');
}

/** Answers by how alike they are, each section in the order given. */
export function sectionsOf(matches, isCalibrated) {
  if (!isCalibrated) return [{title: '', items: matches}];
  const place = (match) => {
    if (match.verified || match.verdict?.same || ['exact', 'pixels', 'near'].includes(match.tier)) return 0;
    const at = LEVELS.findIndex(({level}) => level === match.level);
    return at < 0 ? LEVELS.length - 1 : at;
  };
  const sections = LEVELS.map(({title, hint}) => ({title, hint, items: []}));
  for (const match of matches) sections[place(match)].items.push(match);
  return sections;
}
