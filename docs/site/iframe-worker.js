// Browsers start no worker for a page that is opened from a folder. The search of these pages is one; here
// its script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      const inside = frame.contentWindow
      // what is posted there is heard here
      inside.postToPage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.addScripts = urls =>
        urls.reduce((before, src) => before.then(() => this.script(frame, src)), Promise.resolve())
      inside.eval("postMessage = postToPage; importScripts = (...urls) => addScripts(urls)")
      this.inside = inside
      this.ready = this.script(frame, url)
    }

    script(frame, src) {
      return new Promise((done, failed) => {
        const script = frame.contentDocument.createElement("script")
        Object.assign(script, { src, onload: done, onerror: failed })
        frame.contentDocument.body.appendChild(script)
      })
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() {}
  }
}
