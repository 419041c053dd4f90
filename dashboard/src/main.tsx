// Before everything else: the imports are run in their order.
import "./early";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { snapshot } from "./api/snapshot";
import "./look/base.css";
import { applyTheme } from "./look/theme";
import { router } from "./router";

applyTheme();
// The screen's code is asked for while the session is on its way. An address with a token waits: the login must see it
// before the router changes the address.
if (snapshot === null && window.location.hash === "") void router.load();
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
