import { useSyncExternalStore } from "react";
import { currentVersions, onVersion } from "./version";

export const useServerVersion = () => useSyncExternalStore(onVersion, currentVersions);
