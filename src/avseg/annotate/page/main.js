// Start the page.

import { followLane, followPlayhead } from "./axis.js";
import { startBar } from "./bar.js";
import { loadClasses } from "./board.js";
import { startCrosshair } from "./crosshair.js";
import { loadVideos, openVideo } from "./document.js";
import { startKeys } from "./keys.js";
import { startEvents } from "./events.js";
import { startPreview } from "./preview.js";
import { startPanels } from "./panels.js";
import { startPlayer } from "./player.js";
import { loadSettings } from "./settings.js";
import { startSegment } from "./segment.js";
import { startWorkTimer } from "./work_time.js";
import { startStage } from "./stage.js";
import { showError, showStatus } from "./status.js";
import { changed, state } from "./store.js";
import { startTiles } from "./tiles.js";
import { startTimeline } from "./timeline.js";
import { startTimelineMouse } from "./timeline_mouse.js";
import { startTools } from "./tools.js";

// the token of the address is in a cookie now: keep it out of the history
history.replaceState(null, "", location.pathname + location.hash);
for (const start of [startBar, startPanels, startSegment, startTiles, startStage, startTools, startCrosshair, startPreview, startTimeline, startTimelineMouse,
  followPlayhead, followLane, startPlayer, startKeys, startEvents, startWorkTimer]) start();
changed("tool", "videos", "document", "queue");

try {
  await Promise.all([loadVideos(), loadSettings(), loadClasses()]);
  const named = decodeURIComponent(location.hash.slice(1));
  const first = state.videos.find((video) => video.name === named) ?? (state.videos.length === 1 ? state.videos[0] : null);
  if (first) await openVideo(first.key);
  else showStatus("select a video");
} catch (error) {
  showError(error);
}
setInterval(() => !document.hidden && !state.offline && loadVideos().catch(() => {}), 15_000);
document.body.dataset.ready = "yes";
