// What is different between a file of a group and the one that stays, in words; computed without a page.
import {bytes, count} from '../common/format.js';

/** @typedef {{what: string, text: string, tone: 'better' | 'worse' | 'note'}} Difference */

const ALIKE = 0.02;
const LOSSLESS = new Set(['RAW', 'TIFF', 'PNG', 'BMP', 'PPM']);

/**
 * @param {object} member a file of a group, as `simctl duplicates --json` has it.
 * @param {object} keeper the file that stays.
 * @returns {Difference[]} those that matter most first.
 */
export function differences(member, keeper) {
  if (member.image_id === keeper.image_id) return [{what: 'bytes', text: 'the same bytes', tone: 'note'}];
  return [...resolution(member, keeper), ...size(member, keeper), ...format(member, keeper), ...edits(member),
    ...date(member, keeper)];
}

function resolution(member, keeper) {
  const [of, other] = [member.width * member.height, keeper.width * keeper.height];
  if (!of || !other || (member.width === keeper.width && member.height === keeper.height)) return [];
  const pixels = `${member.width} × ${member.height}`;
  const isTurned = member.turned % 180 !== 0;
  const shape = isTurned ? member.height / member.width : member.width / member.height;
  const ratio = shape / (keeper.width / keeper.height);
  const found = [];
  const add = (what, text, tone) => found.push({what, text, tone});
  if (of < other * (1 - ALIKE)) add('resolution', `${pixels}, ${share(of / other)} of the pixels`, 'worse');
  else if (of > other * (1 + ALIKE)) add('resolution', `${pixels}, ${times(of / other)} the pixels`, 'better');
  else if (!isTurned) add('resolution', pixels, 'note');
  if (Math.abs(ratio - 1) > ALIKE) add('shape', 'other proportions: cut or stretched', 'worse');
  return found;
}

function size(member, keeper) {
  if (member.size === keeper.size) return [];
  const isLess = member.size < keeper.size;
  // Bytes of another format say nothing about quality.
  const tone = member.format !== keeper.format ? 'note' : isLess ? 'worse' : 'better';
  return [{what: 'size', text: `${bytes(member.size)}, ${isLess ? 'a smaller' : 'a larger'} file`, tone}];
}

function format(member, keeper) {
  if (member.format === keeper.format) return [];
  const [is, other] = [LOSSLESS.has(member.format), LOSSLESS.has(keeper.format)];
  const text = is === other ? member.format : `${member.format}, ${is ? 'keeps every detail' : 'loses some detail'}`;
  return [{what: 'format', text, tone: is === other || member.tier === 'pixels' ? 'note' : is ? 'better' : 'worse'}];
}

function edits(member) {
  const found = [];
  if (member.tier === 'pixels') found.push({what: 'pixels', text: 'the same pixels', tone: 'note'});
  if (member.mirrored) found.push({what: 'mirrored', text: 'mirrored', tone: 'worse'});
  if (member.turned) found.push({what: 'turned', text: `turned by ${member.turned}°`, tone: 'note'});
  if (member.animated) found.push({what: 'animated', text: 'animated', tone: 'note'});
  return found;
}

function date(member, keeper) {
  const days = Math.round((member.modified_time - keeper.modified_time) / 86400);
  if (days === 0) return [];
  return [{what: 'date', text: `${span(Math.abs(days))} ${days > 0 ? 'newer' : 'older'}`, tone: 'note'}];
}

function span(days) {
  if (days < 60) return days === 1 ? '1 day' : `${days} days`;
  if (days < 730) return `${Math.round(days / 30.4)} months`;
  return `${count(days / 365.25)} years`;
}

const share = (part) => (part < 0.01 ? 'less than 1 %' : `${Math.round(part * 100)} %`);
const times = (factor) => `${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times`;
