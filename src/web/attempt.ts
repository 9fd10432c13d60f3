import { asApiError } from './api-error.ts'
import { toast } from './toasts.ts'

/** Runs a call of a button and says how it went. @param done What to say when it worked. @returns whether it did. */
export async function attempt(act: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await act()
    toast(done)
    return true
  } catch (error) {
    toast(asApiError(error).message, 'bad')
    return false
  }
}
