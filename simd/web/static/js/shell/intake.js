// Pictures that people give: dropped anywhere, pasted, or chosen.
import {bytes} from '../common/format.js';
import {h, isTyping, toast} from '../common/dom.js';
import {MAX_BYTES} from './uploads.js';

const ID_TYPE = 'application/x-simd-image';
const KINDS = 'image/*,.heic,.heif,.avif,.jxl,.tif,.tiff,.dng,.cr2,.nef,.arw';
const OWN_PICTURE = /(?:[?&]image_id=|\/api\/(?:thumbnails|images)\/)([0-9a-f]{32})/;

/** Let a picture of the page be dragged. */
export function offer(event, imageId) {
  event.dataTransfer.setData(ID_TYPE, imageId);
  event.dataTransfer.effectAllowed = 'copy';
}

export class Intake {
  #take;
  #veil = h('div', {class: 'veil', hidden: true}, h('p', {}, 'Drop it to search by it'));

  /**
   * @param {{blob: (blob: Blob, name: string) => void, image: (imageId: string) => void}} take is called with what
   *   came.
   */
  constructor(take) {
    this.#take = take;
    window.addEventListener('dragenter', (event) => this.#show(event));
    window.addEventListener('dragover', (event) => this.#show(event));
    window.addEventListener('dragleave', (event) => { if (event.relatedTarget === null) this.#veil.hidden = true; });
    window.addEventListener('dragend', () => { this.#veil.hidden = true; });
    window.addEventListener('drop', (event) => this.#drop(event));
    window.addEventListener('paste', (event) => { if (!isTyping(event)) this.#data(event.clipboardData, event); });
    document.body.append(this.#veil);
  }

  /** A button by which a picture is chosen. */
  chooser(text) {
    const input = h('input', {type: 'file', accept: KINDS, hidden: true});
    input.addEventListener('change', () => {
      this.#files(input.files);
      input.value = '';
    });
    return h('span', {}, input, h('button', {type: 'button', class: 'primary', onclick: () => input.click()}, text));
  }

  #show(event) {
    if (!event.dataTransfer.types.some((type) => ['Files', 'text/uri-list', ID_TYPE].includes(type))) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    this.#veil.hidden = false;
  }

  #drop(event) {
    this.#veil.hidden = true;
    this.#data(event.dataTransfer, event);
  }

  #data(data, event) {
    if (!data) return;
    event.preventDefault();
    const text = data.getData('text/uri-list') || data.getData('text/plain');
    const known = data.getData(ID_TYPE) || OWN_PICTURE.exec(text)?.[1];
    if (known) this.#take.image(known);
    else if ([...data.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
      toast('That is a folder. Drop one picture; folders are indexed with `simctl add FOLDER`.');
    } else this.#files(data.files);
  }

  #files(files) {
    const [file] = files;
    if (!file) toast('There is no picture in that. Copy or drop a picture, or the file of one.');
    else if (file.size === 0) toast(`${file.name} is empty. Choose another picture.`);
    else if (file.size > MAX_BYTES) {
      toast(`${file.name} has ${bytes(file.size)}, and at most ${bytes(MAX_BYTES)} are taken. Choose a smaller copy.`);
    } else this.#take.blob(file, file.name);
    if (files.length > 1) toast(`One picture at a time: searching by ${file.name}, the first of ${files.length}.`);
  }
}
