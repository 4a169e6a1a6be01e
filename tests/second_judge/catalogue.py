"""The second judge's own short list of SKUs, one row each: id, part number, plans, class.

Typed in from Microsoft's table of products and service plans, apart from the product's list, so that a slip
in either shows as a disagreement. Plans are one letter each (`PLAN_IDS`); of a SKU's many plans only those
are kept that a rule looks at, and a few that a careless rule would fall for.
"""

from typing import Any

PLAN_IDS = {
    "1": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",  # Entra ID P1
    "2": "eec0eb4f-6444-4f95-aba0-50c24d67f998",  # Entra ID P2
    "B": "c4da7f8a-5ee2-4c99-a7e1-87d2df57f6fe",  # Entra ID Basic
    "E": "1d0f309f-fdf9-4b2a-9ae7-9c48b91f1426",  # Entra ID Basic for education
    "x": "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # Exchange Online (Plan 1)
    "s": "5dbe027f-2339-4123-9542-606e4d348a72",  # SharePoint (Plan 2)
    "t": "57ff2da0-773e-42df-b2af-ffb7a2317929",  # Teams
    "o": "43de0ff5-c92c-492b-9116-175376d08c38",  # Microsoft 365 Apps for enterprise
    "f": "113feb6c-3fe4-4440-bddc-54d774bf0318",  # Exchange Foundation: no mail right, in hundreds of SKUs
    "i": "c1ec4a95-1f05-45b3-a911-aa3fa01094f5",  # Intune
    "m": "8a256a2b-b617-496d-b51b-e76466e88db0",  # multifactor authentication
    "d": "3a3976ce-de18-4a87-a78e-5e9245e252df",  # Entra ID for Education: no tier
    "w": "84c289f0-efcb-486f-8581-07f44fc9efad",  # workload identities "P1": no tier for people
}
OFFICE_LETTERS = frozenset("xsto")

# Classes: identity, suite, standard (Business Standard and Premium, the suites that today's page names),
# student, addon, workload, edu-free, free, trial, developer, device, robot, resource (zero-cost, for rooms
# and phone numbers), other (Dynamics and Project: Office plans inside, yet not Office), add-on (needs no
# row: told by its plans).
ROWS = (
    ("efccb6f7-5641-4e0e-bd10-b4976e1bf68e", "EMS", "1fim", "identity"),
    ("b05e124f-c7cc-45a0-a6aa-8cf78c946968", "EMSPREMIUM", "12fim", "identity"),
    ("078d2b04-f1bd-4111-bbd4-b4b1b354cef4", "AAD_PREMIUM", "1fm", "identity"),
    ("84a661c4-e949-4bd2-a560-ed7766fcaf2b", "AAD_PREMIUM_P2", "12fm", "identity"),
    ("30fc3c36-5a95-4956-ba57-c09c2a600bb9", "AAD_PREMIUM_FACULTY", "1fm", "identity"),
    ("2b9c8e7c-319c-43a2-a2a0-48c5c6161de7", "AAD_BASIC", "B", "identity"),
    ("05e9a617-0261-4cee-bb44-138d3ef5d965", "SPE_E3", "1imostx", "suite"),
    ("06ebc4ee-1bb5-47dd-8120-11324bc54e06", "SPE_E5", "12imostx", "suite"),
    ("66b55226-6b4f-492c-910c-a3b7a3c9d993", "SPE_F1", "1imstx", "suite"),
    ("44575883-256e-4a79-9da4-ebe9acabe2b2", "M365_F1", "1fimst", "suite"),
    ("2a914830-d700-444a-b73c-e3f31980d833", "M365_F1_GOV", "1imstx", "suite"),
    ("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "SPB", "1fimstx", "standard"),
    ("9a18296a-025f-4e37-9ffa-30bf8d1ce775", "MICROSOFT_365_E7", "12imostx", "suite"),
    ("4b590615-0888-425a-a965-b3bf7789848d", "M365EDU_A3_FACULTY", "1Eimostx", "suite"),
    ("46c119d4-0379-4a9d-85e4-97c66d3f909e", "M365EDU_A5_STUDENT", "12Eimostx", "suite"),
    ("18250162-5d87-4436-a834-d795c15c80f3", "M365EDU_A3_STUUSEBNFT", "1Eimostx", "student"),
    ("31d57bc7-3a05-4867-ab53-97a17835a411", "M365EDU_A5_STUUSEBNFT", "12Eimostx", "student"),
    ("26124093-3d78-432b-b5dc-48bf992543d5", "IDENTITY_THREAT_PROTECTION", "2", "addon"),
    ("44ac31e7-2999-4304-ad94-c948886741d4", "IDENTITY_THREAT_PROTECTION_FOR_EMS_E5", "", "add-on"),
    ("67ffe999-d9ca-49e1-9d2c-03fb28aa7a48", "SPE_F5_SEC", "2", "addon"),
    ("32b47245-eb31-44fc-b945-a8b1576c439f", "SPE_F5_SECCOMP", "2", "addon"),
    ("3271cf8e-2be5-4a09-a549-70fd05baaa17", "O365_w/o_Teams_Bundle_M5", "12imosx", "suite"),
    (
        "a3f586b6-8cce-4d9b-99d6-55238397f77a",
        "Office_365_w/o_Teams_Bundle_Business_Premium",
        "1fimsx",
        "standard",
    ),
    ("6fd2c87f-b296-42f0-b197-1e91e994b900", "ENTERPRISEPACK", "ostx", "suite"),
    ("c7df2760-2c81-4ef7-b578-5b5392b571df", "ENTERPRISEPREMIUM", "ostx", "suite"),
    ("18181a46-0d4e-45cd-891e-60aabd171b4e", "STANDARDPACK", "stx", "suite"),
    ("4b585984-651b-448a-9e53-3b10f069cf7f", "DESKLESSPACK", "stx", "suite"),
    ("6634e0ce-1a9f-428c-a498-f84ec7b8aa2e", "STANDARDWOFFPACK", "stx", "suite"),
    ("3b555118-da6a-4418-894f-7df1e2096870", "O365_BUSINESS_ESSENTIALS", "stx", "suite"),
    ("f245ecc8-75af-4f8e-b61f-27d8114de5f3", "O365_BUSINESS_PREMIUM", "stx", "standard"),
    ("ac5cef5d-921b-4f97-9ef3-c99076e5470f", "SMB_BUSINESS_PREMIUM", "stx", "standard"),
    (
        "c1f79c29-5d7a-4bec-a2c1-1a76774864c0",
        "Office_365_w/o_Teams_Bundle_Business_Standard",
        "sx",
        "standard",
    ),
    ("cdd28e44-67e3-425e-be4c-737fab2899d3", "O365_BUSINESS", "", "suite"),
    ("535a3a29-c5f0-42fe-8215-d3b9e1f38c4a", "ENTERPRISEPACK_GOV", "ostx", "suite"),
    ("e578b273-6db4-4691-bba0-8d691f4da603", "ENTERPRISEPACKPLUS_FACULTY", "Eostx", "suite"),
    ("ee656612-49fa-43e5-b67e-cb1fdf7699df", "ENTERPRISEPREMIUM_STUDENT", "Eostx", "suite"),
    ("94763226-9b3c-4e75-a931-5c89701abe66", "STANDARDWOFFPACK_FACULTY", "Estx", "edu-free"),
    ("314c4481-f395-4525-be8b-2ec4bb1e9d91", "STANDARDWOFFPACK_STUDENT", "Estx", "edu-free"),
    ("78e66a63-337a-4a9a-8959-41c6654dfb56", "STANDARDWOFFPACK_IW_FACULTY", "Eostx", "edu-free"),
    ("b17653a4-2443-4e8c-a550-18249dda78bb", "M365EDU_A1", "di", "device"),
    ("4b9405b0-7788-4568-add1-99614e613b69", "EXCHANGESTANDARD", "x", "workload"),
    ("80b2d799-d2ba-4d2a-8842-fb0d0f3a4b82", "EXCHANGEDESKLESS", "x", "workload"),
    ("1fc08a02-8b3d-43b9-831e-f76859e04e1a", "SHAREPOINTSTANDARD", "s", "workload"),
    ("c2273bd0-dff7-4215-9ef5-2c7bcfb06425", "OFFICESUBSCRIPTION", "fo", "workload"),
    ("3ab6abff-666f-4424-bfb7-f0bc274ec7bc", "TEAMS_ESSENTIALS_AAD", "tx", "workload"),
    ("d42c793f-6c78-4f43-92ca-e8f6a02b035f", "MCOSTANDARD", "", "workload"),
    ("f30db892-07e9-47e9-837c-80727f46fd3d", "FLOW_FREE", "f", "free"),
    ("a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", "POWER_BI_STANDARD", "f", "free"),
    ("1f2f344a-700d-42c9-9427-5cea1d5d7ba6", "STREAM", "f", "free"),
    ("16ddbbfc-09ea-4de2-b1d7-312db6112d70", "TEAMS_FREE", "fs", "free"),
    ("440eaaa8-b3e0-484b-a8be-62870b9ba70a", "PHONESYSTEM_VIRTUALUSER", "", "resource"),
    ("6af4b3d6-14bb-4a2a-960c-6c902aad34f3", "Microsoft_Teams_Rooms_Basic", "t", "resource"),
    ("710779e8-3d4a-4c88-adb9-386c958d1fdf", "TEAMS_EXPLORATORY", "stx", "trial"),
    ("dcb1a3ae-b33f-4487-846a-a640262fadf4", "POWERAPPS_VIRAL", "f", "trial"),
    ("bc946dac-7877-4271-b2f7-99d2db13cd2c", "FORMS_PRO", "f", "trial"),
    ("74fbf1bb-47c6-4796-9623-77dc7371723b", "MS_TEAMS_IW", "fst", "trial"),
    ("189a915c-fe4f-4ffa-bde4-85b9628d07a0", "DEVELOPERPACK", "ostx", "developer"),
    ("c42b9cae-ea4f-4ab7-9717-81576235ccac", "DEVELOPERPACK_E5", "12imostx", "developer"),
    ("5b631642-bd26-49fe-bd20-1daaa972ef80", "POWERAPPS_DEV", "f", "free"),
    ("295a8eb0-f78d-45c7-8b5b-1eed5ed02dff", "MCOCAP", "1itx", "device"),
    ("6070a4c8-34c6-4937-8dfb-39bbc6397a60", "MEETING_ROOM", "1it", "device"),
    ("4cde982a-ede4-4409-9ae6-b003453c8ea6", "Microsoft_Teams_Rooms_Pro", "1it", "device"),
    ("c2ac2ee4-9bb1-47e4-8541-d689c7e83371", "SPE_E3_RPA1", "1imostx", "robot"),
    ("1aa94593-ca12-4254-a738-81a5972958e8", "M365EDU_A3_STUUSEBNFT_RPA1", "1Eimostx", "robot"),
    ("53818b1b-4a27-454b-8896-0dba576410e6", "PROJECTPROFESSIONAL", "fs", "other"),
    ("09015f9f-377f-4538-bbb5-f75ceb09358a", "PROJECTPREMIUM", "s", "other"),
    ("c5928f49-12ba-48f7-ada3-0d743a3601d5", "VISIOCLIENT", "f", "add-on"),
    ("f8a1db68-be16-40ed-86d5-cb42ce701560", "POWER_BI_PRO", "f", "add-on"),
    ("1e1a282c-9c54-43a2-9310-98ef728faace", "DYN365_ENTERPRISE_SALES", "s", "other"),
    ("061f9ace-7d42-4136-88ac-31dc755f143f", "INTUNE_A", "i", "add-on"),
    ("cb2020b1-d8f6-41c0-9acd-8ff3d6d7831b", "MFA_STANDALONE", "fm", "add-on"),
    ("99cc8282-2f74-4954-83b7-c6a9a1999067", "M365_E5_SUITE_COMPONENTS", "", "add-on"),
    ("f5b15d67-b99e-406b-90f1-308452f94de6", "Microsoft_365_E3_Extra_Features", "", "add-on"),
    ("093e8d14-a334-43d9-93e3-30589a8b47d0", "RMSBASIC", "f", "free"),
)

CATALOGUE: dict[str, dict[str, Any]] = {
    sku: {"part": part, "plans": frozenset(plans), "class": kind} for sku, part, plans, kind in ROWS
}

# SKUs that no list knows: one without, one with Office workloads, one with an identity plan of each kind.
UNLISTED = {
    "0a000000-0000-4000-8000-000000000001": frozenset("fi"),
    "0a000000-0000-4000-8000-000000000002": frozenset("xst"),
    "0a000000-0000-4000-8000-000000000003": frozenset("1f"),
    "0a000000-0000-4000-8000-000000000004": frozenset("2xs"),
    "0a000000-0000-4000-8000-000000000005": frozenset("Ex"),
    "0a000000-0000-4000-8000-000000000006": frozenset("wdm"),
    "0a000000-0000-4000-8000-000000000007": frozenset("B"),
    "0a000000-0000-4000-8000-000000000008": frozenset("o"),
}
