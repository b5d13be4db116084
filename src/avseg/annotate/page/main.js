// Starts the page.

import { followPlayhead } from "./axis.js";
import { startBar } from "./bar.js";
import { loadVideos, openVideo } from "./document.js";
import { startKeys } from "./keys.js";
import { listen } from "./listen.js";
import { startPanels } from "./panels.js";
import { startPlayer } from "./player.js";
import { startSegment } from "./segment.js";
import { startSpending } from "./spend.js";
import { startStage } from "./stage.js";
import { complain, say } from "./status.js";
import { changed, state } from "./store.js";
import { startTiles } from "./tiles.js";
import { startTimeline } from "./timeline.js";
import { startTimelineMouse } from "./timeline_mouse.js";
import { startTools } from "./tools.js";

// the token of the address has become a cookie: it need not stand in the history
history.replaceState(null, "", location.pathname + location.hash);
for (const start of [startBar, startPanels, startSegment, startTiles, startStage, startTools, startTimeline, startTimelineMouse,
  followPlayhead, startPlayer, startKeys, listen, startSpending]) start();
changed("tool", "videos", "document", "queue");

try {
  await loadVideos();
  const named = decodeURIComponent(location.hash.slice(1));
  const first = state.videos.find((video) => video.name === named) ?? (state.videos.length === 1 ? state.videos[0] : null);
  if (first) await openVideo(first.key);
  else say("choose a video");
} catch (error) {
  complain(error);
}
document.body.dataset.ready = "yes";
