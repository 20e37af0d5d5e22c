/** The audit that goes with a training. */
import { type Audit, audit } from "../audit/audit.ts";
import { isDataError, messageOf } from "../base/errors.ts";

/** Audits the data of a training; data that can be trained on but not audited is said and passed over. */
export async function auditOf(
  options: Parameters<typeof audit>[0],
  onNote: (text: string) => void,
): Promise<Audit | undefined> {
  try {
    return await audit(options);
  } catch (error) {
    if (!isDataError(error)) throw error;
    onNote(`The data was not audited: ${messageOf(error)}`);
    return undefined;
  }
}
