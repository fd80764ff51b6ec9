// Why a file is not indexed, and what helps, by the reason that `simctl errors` prints.

/** By reason: what such files are called, and what to do. Text in backticks is to be typed. */
export const REMEDIES = {
  empty: {
    title: 'Empty files',
    remedy: 'They have no bytes. Copy them again from where they came from, or delete them.',
  },
  not_an_image: {
    title: 'No pictures',
    remedy: 'Their content is of no known picture format, whatever their names say. A `.simdignore` file has such '
      + 'files passed over.',
  },
  unsupported_format: {
    title: 'Formats that are not read',
    remedy: 'They are sound, but of a kind that is not read. HEIC, JPEG XL, raw photographs and rare kinds of TIFF '
      + 'and JPEG are read once `pip install \'simd-images[formats]\'` was run where the daemon is; restart it, '
      + 'then `simctl scan --retry`.',
  },
  truncated: {
    title: 'Incomplete pictures',
    remedy: 'They end before they are whole, as after a copy that was interrupted. Copy them again from where they '
      + 'came from.',
  },
  corrupt: {
    title: 'Damaged pictures',
    remedy: 'There is damage inside. Take them from a backup; a program that still opens one may save it anew.',
  },
  unreadable: {
    title: 'Files that cannot be read',
    remedy: 'Permissions, or a fault of the disk. Let the user that the daemon runs as read them; they are tried '
      + 'again at every scan.',
  },
  too_many_bytes: {
    title: 'Files that are too large',
    remedy: 'They have more bytes than the setting `max_image_bytes` allows. Raise it, then `simctl scan --retry`.',
  },
  too_many_pixels: {
    title: 'Pictures that are too large',
    remedy: 'They have more pixels than the setting `max_image_pixels` allows. Raise it, then `simctl scan --retry`.',
  },
  timeout: {
    title: 'Pictures that took too long',
    remedy: 'Reading or decoding took longer than the setting `decode_timeout_s` allows. Raise it, then `simctl scan '
      + '--retry`.',
  },
  out_of_memory: {
    title: 'Pictures that need too much memory',
    remedy: 'Decoding would take more than the setting `decode_memory_bytes` allows. Raise it, then `simctl scan '
      + '--retry`.',
  },
  decoder_crashed: {
    title: 'Pictures that crash the decoder',
    remedy: 'The process that decoded them died; the daemon did not. Save them anew with another program. A report '
      + 'is welcome.',
  },
  decoder_killed: {
    title: 'Decoders that were killed',
    remedy: 'Something ended the process that decoded them, again and again: most likely memory is short. They are '
      + 'tried again at every scan.',
  },
  internal_error: {
    title: 'Faults in simd',
    remedy: 'They failed in a way that nobody thought of, and the daemon\'s log tells how: a report is welcome. They '
      + 'are tried again at every scan.',
  },
  postponed: {
    title: 'Postponed',
    remedy: 'They could not be tried now, and are tried again by themselves.',
  },
  removed: {
    title: 'Taken out on request',
    remedy: '`simctl remove` took them out. `simctl add FILE` brings one back.',
  },
};

/** What is said of a reason, also of one that this page does not know. */
export const remedyOf = (reason) => REMEDIES[reason] ?? {title: reason, remedy: 'See `simctl errors`.'};
