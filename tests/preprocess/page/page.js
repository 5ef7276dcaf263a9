// Python's hands in the page: what the classifier makes of a file, handed over in each form.
import { images } from '/pkg/images.js';
import { load } from '/pkg/index.js';

const model = await load();

const fetched = async (name) => (await fetch(`/files/${name}`)).blob();

async function element(name) {
  const image = new Image();
  image.src = `/files/${name}`;
  await image.decode();
  return image;
}

const drawn = (canvas, image) => {
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
};

async function canvas(name) {
  const image = await element(name);
  const { naturalWidth: width, naturalHeight: height } = image;
  return drawn(Object.assign(document.createElement('canvas'), { width, height }), image);
}

async function offscreen(name) {
  const { width, height } = await element(name);
  return drawn(new OffscreenCanvas(width, height), await element(name));
}

const video = (canvas) =>
  new Promise((ready) => {
    const playing = document.createElement('video');
    playing.srcObject = canvas.captureStream();
    playing.muted = true;
    playing.requestVideoFrameCallback(() => ready(playing));
    void playing.play();
  });

const FORMS = {
  blob: fetched,
  bitmap: async (name) => createImageBitmap(await fetched(name)),
  element,
  loadingElement: async (name) => Object.assign(new Image(), { src: `/files/${name}` }),
  canvas,
  offscreen,
  imageData: async (name) => {
    const given = await canvas(name);
    return given.getContext('2d').getImageData(0, 0, given.width, given.height);
  },
  frame: async (name) => new VideoFrame(await canvas(name), { timestamp: 0 }),
  video: async (name) => video(await canvas(name)),
};

window.pictures = {
  /** What a model with such an input is given. */
  async tensor(form, name, port) {
    const model = { info: { inputs: [port] }, run: async (inputs) => inputs };
    const { run } = images(model, (slug) => new Error(slug));
    const inputs = await run({ [port.name]: await FORMS[form](name) });
    return [...inputs[port.name].data];
  },

  async logits(form, name) {
    const x = await FORMS[form](name);
    const { output } = await model.run({ x });
    return { size: output.shape, data: [...output.data] };
  },

  async classify(name, options) {
    return model.classify({ x: await fetched(name) }, options);
  },

  async refused(value) {
    const values = {
      text: new Blob(['no picture']),
      object: { some: 1 },
      short: { data: new Uint8Array(5), width: 2, height: 1 },
    };
    return model.run({ x: values[value] }).then(
      () => 'it ran',
      ({ code, message }) => `${code} ${message}`,
    );
  },

  /** A bitmap that is closed, a canvas that is painted over right after the call. */
  async afterwards(name) {
    const [bitmap, painted] = [await FORMS.bitmap(name), await canvas(name)];
    const runs = [model.run({ x: bitmap }), model.run({ x: painted })];
    bitmap.close();
    painted.getContext('2d').clearRect(0, 0, painted.width, painted.height);
    return Promise.all(runs.map(async (run) => [...(await run).output.data]));
  },
};
