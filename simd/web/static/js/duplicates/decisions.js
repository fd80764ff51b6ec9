// What a person says of pictures; the daemon keeps it, by content.
import * as api from '../common/api.js';

const MOST = 1000;

/** That a file is no copy of the one that stays or, without a file, that no two files of a group are copies. */
export async function apart(group, file, filters) {
  const images = file ? [group.keeper.image_id, file.image_id] : await imagesOf(group, filters);
  return {kind: 'not_duplicates', image_ids: images};
}

/** That a picture is the one that stays. */
export const keep = (file) => ({kind: 'keep', image_ids: [file.image_id]});

/** That all files of a group stay. */
export const keepAll = async (group, filters) => ({kind: 'keep_all', image_ids: await imagesOf(group, filters)});

/** The images of a group: each once, however many files it has. */
async function imagesOf(group, filters) {
  const found = new Set([group.keeper.image_id]);
  let token = '';
  do {
    const page = group.members.length === group.member_count ? group
      : await api.group(group.group_id, {...filters, page_size: MOST, page_token: token});
    for (const file of page.members) found.add(file.image_id);
    token = page.next_page_token ?? '';
  } while (token);
  return [...found];
}
