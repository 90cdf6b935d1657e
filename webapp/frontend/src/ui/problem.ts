import { useTranslation } from "react-i18next";
import { Problem } from "../api/client";

/** A headline in the reader's language and, beneath it, the server's own sentence. */
export interface Words {
  title: string;
  detail: string;
}

const titles = {
  network: "problem.network",
  "image-too-large": "problem.imageTooLarge",
  "413": "problem.imageTooLarge",
  "unsupported-format": "problem.unsupportedFormat",
  "415": "problem.unsupportedFormat",
  "broken-image": "problem.brokenImage",
  "invalid-parameter": "problem.invalidParameter",
  "unknown-filter": "problem.unknownFilter",
  "backlog-full": "problem.backlogFull",
  "429": "problem.backlogFull",
  "no-live-node": "problem.noLiveNode",
  "cluster-unavailable": "problem.clusterUnavailable",
  "503": "problem.clusterUnavailable",
  conflict: "problem.conflict",
  "409": "problem.conflict",
  "not-found": "problem.notFound",
  "404": "problem.notFound",
} as const;

function isKnown(type: string): type is keyof typeof titles {
  return Object.hasOwn(titles, type);
}

/** Turns an error (of a request, or recorded with a job) into words. */
export function useProblemWords(): (error: unknown) => Words {
  const { t } = useTranslation();
  return (error) => {
    const { type = "", detail = "" } = typeof error === "object" && error !== null ? (error as { type?: string; detail?: string }) : {};
    const status = error instanceof Problem ? String(error.status) : "";
    const known = [type, status].find(isKnown);
    return {
      title: t(known === undefined ? "problem.other" : titles[known]),
      detail: type === "network" ? t("problem.networkHint") : detail,
    };
  };
}
