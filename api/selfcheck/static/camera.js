// The camera and the wire: pictures go up as JPEG with their own times, at most two under way; what comes back goes to
// `onMessage`. Where the machine is too slow, pictures are left out; none ever waits in a line.

const MOST_UNDER_WAY = 2;
// Below this JPEG's own blocks move the knee's angle; above it pictures only grow.
const QUALITY = 0.9;
const REMEMBERED = 4000;

/** The picture of one camera. Errors are DOMExceptions of getUserMedia. */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no camera interface", "NotFoundError");
  const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  if (deviceId) video.deviceId = { exact: deviceId };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** The cameras that there are, `[{id, label}]`; labels are known once a camera was allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((each) => each.kind === "videoinput" && each.deviceId)
    .map((each, place) => ({ id: each.deviceId, label: each.label || `${place + 1}` }));
}

/** Sends the frames of a <video> over a WebSocket. */
export class Wire {
  /** @param onMessage called with every message; @param onGone when the server is not there, or no longer. */
  constructor(video, { onMessage, onGone }) {
    this.video = video;
    this.onMessage = onMessage;
    this.onGone = onGone;
    this.underWay = [];
    this.sending = false;
    this.lastTime = 0;
    // For the figures on the page and for whoever measures: milliseconds, the last few thousand.
    this.latencies = [];
    this.serverTimes = [];
    this.answeredAt = [];
    this.skipped = 0;
  }

  /** Connects; resolves when the wire is open. */
  connect() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => { this.socket = socket; this.underWay = []; resolve(); };
      socket.onerror = () => reject(new Error("not there"));
      socket.onclose = () => { if (this.socket === socket) { this.socket = null; this.onGone(); } };
      socket.onmessage = (event) => this.#heard(JSON.parse(event.data));
    });
  }

  get open() { return this.socket?.readyState === WebSocket.OPEN; }

  tell(message) { if (this.open) this.socket.send(JSON.stringify(message)); }

  /** Begins to send pictures; `stop` ends it. */
  start() {
    if (this.sending) return;
    this.sending = true;
    this.#next();
  }

  stop() { this.sending = false; }

  close() {
    this.stop();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  #next() {
    if (!this.sending) return;
    this.video.requestVideoFrameCallback((now, meta) => {
      this.#take(now, meta);
      this.#next();
    });
  }

  async #take(now, meta) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!this.open || !this.sending || !width) return;
    if (this.underWay.length >= MOST_UNDER_WAY) { this.skipped += 1; return; }
    const time = meta.captureTime ?? now;
    if (!(time > this.lastTime)) return;
    this.lastTime = time;
    const picture = { time };
    this.underWay.push(picture);
    if (!this.canvas || this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas = new OffscreenCanvas(width, height);
      this.context = this.canvas.getContext("2d", { alpha: false });
    }
    this.context.drawImage(this.video, 0, 0);
    const jpeg = await this.canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    const message = new Uint8Array(8 + jpeg.size);
    new DataView(message.buffer).setFloat64(0, time, true);
    message.set(new Uint8Array(await jpeg.arrayBuffer()), 8);
    if (this.open && this.sending) this.socket.send(message);
    else this.underWay = this.underWay.filter((each) => each !== picture);
  }

  #heard(message) {
    if (message.is !== "seen") { this.onMessage(message); return; }
    const picture = this.underWay.shift();
    this.onMessage(message);
    if (!picture || message.skipped) return;
    const now = performance.now();
    remember(this.latencies, now - picture.time);
    remember(this.serverTimes, [message.inference_ms, message.server_ms]);
    remember(this.answeredAt, now);
  }

  /** Pictures answered a second, over the last two. */
  get rate() {
    const since = performance.now() - 2000;
    return this.answeredAt.filter((at) => at > since).length / 2;
  }
}

function remember(list, value) {
  list.push(value);
  if (list.length > REMEMBERED) list.splice(0, REMEMBERED / 4);
}
