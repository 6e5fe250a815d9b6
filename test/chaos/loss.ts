/** Something that must not happen, and did: the product lost. */
export class Loss extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Loss'
  }
}
